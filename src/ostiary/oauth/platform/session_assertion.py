"""JWT bearer grant (RFC 7523 §2.1) of the platform: the access token of a session is the assertion, and another token
of the same session is the answer, as tools of VMware Aria exchange it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ostiary.http.forms import Form
from ostiary.oauth.platform.accounts import Account, living_account
from ostiary.oauth.sessions.refresh import invalid_grant
from ostiary.oauth.sessions.sessions import find_session
from ostiary.oauth.token.profile import Authorized, GrantType, TokenRequest
from ostiary.store.work import Work

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class SessionHolder:
    """The user and the session of a living access token of the platform."""

    tenant_id: str
    user_id: str
    session_id: str


class SessionAssertionGrant(GrantType[Account]):
    """`assertion`: an access token that opens the whole platform. `holder_of` finds whose it is, None for any other
    text. The new token ends with the session, like the old one; there is no refresh token."""

    def __init__(self, holder_of: Callable[[Work, str], SessionHolder | None]) -> None:
        self._holder_of = holder_of

    def owner(self, work: Work, form: Form) -> str | None:
        """The organization of the user; a client is not needed."""
        holder = self._holder_of(work, form.required("assertion"))
        return holder.tenant_id if holder else ""

    def authorize(self, request: TokenRequest[Account]) -> Authorized[Account]:
        """Reads the user and the session again."""
        work, now_ms = request.reading.work, request.now_ms
        holder = self._holder_of(work, request.form.required("assertion"))
        if holder is None or holder.tenant_id != request.tenant.id:
            raise _refused()
        session = find_session(work, holder.tenant_id, holder.session_id, now_ms)
        account = living_account(work, request.tenant, holder.user_id, now_ms)
        if session is None or account is None:
            raise _refused()
        return Authorized(
            replace(account, session_id=session.id), session.amr, scopes=tuple(request.form.get("scope").split()),
            auth_time=session.auth_time, session_id=session.id, audit_target=("session", session.id),
        )  # fmt: skip


def _refused() -> Exception:
    return invalid_grant("assertion must be an access token of a session at this platform that has not ended.")
