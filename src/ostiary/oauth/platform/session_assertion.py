"""JWT bearer grant (RFC 7523 §2.1) of `/oidc`: the access token of a session is the assertion, and another token of the
same session is the answer, as tools of VMware Aria exchange it."""

from __future__ import annotations

from ostiary.http.forms import Form
from ostiary.oauth.platform.accounts import Account, living_account
from ostiary.oauth.sessions.refresh import invalid_grant
from ostiary.oauth.sessions.sessions import find_session
from ostiary.oauth.token.grants.access_token_assertion import WhoSignedIn, user_of_assertion
from ostiary.oauth.token.profile import Authorized, GrantType, TokenRequest
from ostiary.store.work import Work


class SessionAssertionGrant(GrantType[Account]):
    """`assertion`: an access token that opens the whole platform. The new token ends with the session, like the old
    one; there is no refresh token."""

    def __init__(self, who: WhoSignedIn) -> None:
        self._who = who

    def owner(self, work: Work, form: Form) -> str | None:
        """The organization of the access token; a client is not needed."""
        return user_of_assertion(self._who, work, form).tenant_id

    def authorize(self, request: TokenRequest[Account]) -> Authorized[Account]:
        """Reads the user and the session again."""
        work, now_ms = request.reading.work, request.now_ms
        user = user_of_assertion(self._who, work, request.form)
        session = find_session(work, user.tenant_id, user.session_id, now_ms)
        account = living_account(work, request.tenant, user.id, now_ms)
        if session is None or account is None or user.tenant_id != request.tenant.id:
            raise invalid_grant("The assertion must be the access token of a session that has not ended.")
        return Authorized(
            account, session.amr, scopes=tuple(request.form.get("scope").split()), auth_time=session.auth_time,
            session_id=session.id, audit_target=("session", session.id),
        )  # fmt: skip
