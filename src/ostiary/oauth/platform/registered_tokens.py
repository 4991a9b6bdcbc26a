"""API tokens as Cloud Director makes them: registered under a name first, then taken once with the user's own access
token.

Both are one grant: its id is the `client_id` of the registration and the GUID in the URN of the token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Row, false, func, select, true, update

from ostiary.directory.roles.granting import Giver, hold_rights
from ostiary.directory.roles.rights import refuse_acting_on, rights_of_user
from ostiary.directory.users.users import UserView
from ostiary.errors import DomainError, not_found
from ostiary.http.fiql import Comparator, malformed, matches, read_fiql, refers_to
from ostiary.ids import Entropy
from ostiary.names import folded
from ostiary.oauth.platform.accounts import Account
from ostiary.oauth.platform.tokens import LIFETIME_S
from ostiary.oauth.sessions.refresh import (
    API_TOKEN,
    API_TOKEN_LIFETIME_S,
    PLATFORM,
    GrantTerms,
    add_refresh_token,
    invalid_grant,
    new_refresh_token,
    open_empty_grant,
    revoke_grant,
)
from ostiary.oauth.sessions.sessions import find_session, new_session, store_session
from ostiary.oauth.token.grants.access_token_assertion import SignedInUser
from ostiary.oauth.token.issuing import Issued
from ostiary.oauth.token.profile import Authorized, TokenRequest
from ostiary.store.tables import Grant, User, table_of
from ostiary.store.work import Work

REFRESH = "REFRESH"
"""The type of all tokens here, in the words of Cloud Director; nobody makes PROXY and EXTENSION ones."""
UNTAKEN_LIFETIME_S = 86_400
"""The time within which a registered token must be taken."""
_GRANTS, _USERS = table_of(Grant), table_of(User)
_NOT_TAKEN = 0
"""The time of authentication of a grant that was registered, and has no token yet."""
_SHOWN = select(
    _GRANTS.c.id, _GRANTS.c.name, _GRANTS.c.expires_at, _GRANTS.c.created_at, _GRANTS.c.user_id,
    _USERS.c.user_name,
).join(_USERS, (_USERS.c.id == _GRANTS.c.user_id) & (_USERS.c.tenant_id == _GRANTS.c.tenant_id))  # fmt: skip


def _is_type(operator: str, texts: Sequence[str]) -> ColumnElement[bool]:
    if operator != "==":
        raise malformed(f"types have no order, so {operator} means nothing")
    return true() if texts == [REFRESH] else false()


_FILTERED_BY: Mapping[str, Comparator] = {
    "id": refers_to(_GRANTS.c.id),
    "name": matches(_GRANTS.c.name, str),
    "owner.name": matches(_USERS.c.user_name_key, folded),
    "owner.id": refers_to(_GRANTS.c.user_id),
    "type": _is_type,
}
SORTED_BY: Mapping[str, ColumnElement[Any]] = {
    "name": _GRANTS.c.name, "id": _GRANTS.c.id, "expirationTimeInMillis": _GRANTS.c.expires_at,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Revoker:
    """Who revokes a token: its id, and what it may do."""

    id: str
    giver: Giver


def register_api_token(
    work: Work, tenant_id: str, user: UserView, name: str, amr: str, entropy: Entropy, now_ms: int
) -> str:  # fmt: skip
    """Registers an API token of a user under a name; returns the client id with which it is taken."""
    terms = GrantTerms(
        kind=API_TOKEN, audience=PLATFORM, subject=user.id, auth_time=_NOT_TAKEN, user_id=user.id, name=name, amr=amr,
        access_epoch=user.access_epoch,
    )  # fmt: skip
    return open_empty_grant(work, tenant_id, terms, entropy, now_ms, UNTAKEN_LIFETIME_S)


@dataclass(frozen=True, slots=True)
class FirstUse:
    """The first use of a registered API token, which shows the token: afterwards only its digest is known. The access
    token beside it depends on a session of its own, of this kind."""

    kind: str
    entropy: Entropy

    def __call__(self, request: TokenRequest[Account], client_id: str, user: SignedInUser) -> Authorized[Account]:
        """Tokens for the user; raises `invalid_grant` for a registration that is not the user's, or was taken, and for
        a user who signed in by an API token: what was revoked must not live on in another token."""
        user_id, tenant_id, now_ms = user.id, request.tenant.id, request.now_ms
        terms = _registered(request, client_id, user_id)
        by = find_session(request.reading.work, tenant_id, user.session_id, now_ms)
        if by is not None and by.grant_id:
            raise invalid_grant("An API token takes no other API token: sign in as the user.")
        account = request.profile.find_subject(request, terms)
        if account is None:
            raise invalid_grant()
        secret = new_refresh_token(self.entropy)
        session = new_session(
            tenant_id, self.kind, user_id, terms.amr, now_ms, LIFETIME_S, self.entropy,
            grant_id=client_id, access_epoch=terms.access_epoch,
        )  # fmt: skip

        def settle(work: Work, _: Issued) -> None:
            until = now_ms + API_TOKEN_LIFETIME_S * 1000
            taken = update(_GRANTS).where(*_waiting(tenant_id, client_id, user_id, now_ms))
            if not work.run(taken.values(auth_time=now_ms, expires_at=until, last_used_at=now_ms)):
                raise invalid_grant()
            add_refresh_token(work, client_id, secret, now_ms, until)
            store_session(work, session)

        return Authorized(
            account, terms.amr, limit=tuple(account.perms), session_id=session.id, audit_target=("token", client_id),
            settle=settle, successor=secret,
        )  # fmt: skip


def _registered(request: TokenRequest[Account], client_id: str, user_id: str) -> GrantTerms:
    waiting = _waiting(request.tenant.id, client_id, user_id, request.now_ms)
    row = request.reading.work.row(select(_GRANTS.c.name, _GRANTS.c.amr, _GRANTS.c.access_epoch).where(*waiting))
    if row is None:
        raise invalid_grant("There is no token to be taken under this client_id.")
    terms = GrantTerms(API_TOKEN, PLATFORM, user_id, request.now_ms, user_id=user_id, name=row.name, amr=row.amr)
    return replace(terms, access_epoch=row.access_epoch)


def _waiting(tenant_id: str, client_id: str, user_id: str, now_ms: int) -> list[ColumnElement[bool]]:
    untaken = [_GRANTS.c.kind == API_TOKEN, _GRANTS.c.auth_time == _NOT_TAKEN, _GRANTS.c.user_id == user_id]
    return [_GRANTS.c.id == client_id, *untaken, *_living(tenant_id, now_ms)]


def _living(tenant_id: str, now_ms: int) -> list[ColumnElement[bool]]:
    return [_GRANTS.c.tenant_id == tenant_id, _GRANTS.c.revoked_at.is_(None), _GRANTS.c.expires_at > now_ms]


def list_tokens(
    work: Work, tenant_id: str, user_id: str | None, now_ms: int, filter: str, *, encoded: bool, sort: str,
    descending: bool, offset: int, limit: int,
) -> tuple[Sequence[Row[Any]], int]:  # fmt: skip
    """One page of the living API tokens of a user (None: of all) that match the FIQL `filter`, and how many do: id,
    name, created_at, expires_at, user_id, user_name. Raises INVALID_FILTER."""
    chosen = _tokens(tenant_id, user_id, now_ms)
    if filter:
        chosen.append(read_fiql(filter, _FILTERED_BY, encoded=encoded))
    matching = _SHOWN.where(*chosen)
    total = work.row(select(func.count()).select_from(matching.subquery()))
    order = [key.desc() if descending else key for key in (SORTED_BY[sort], _GRANTS.c.id)]
    page = work.rows(matching.order_by(*order).offset(offset).limit(limit)) if limit else ()
    return page, total[0] if total else 0


def get_token(work: Work, tenant_id: str, user_id: str | None, token_id: str, now_ms: int) -> Row[Any]:
    """A living API token of a user (None: of anybody), as `list_tokens` shows it; raises TOKEN_NOT_FOUND."""
    found = work.row(_SHOWN.where(*_tokens(tenant_id, user_id, now_ms), _GRANTS.c.id == token_id))
    if found is None:
        raise _no_such_token()
    return found


def revoke_token(
    work: Work, tenant_id: str, user_id: str | None, token_id: str, revoker: Revoker, now_ms: int
) -> None:  # fmt: skip
    """Revokes an API token with all that was opened by it; raises TOKEN_NOT_FOUND, and FORBIDDEN for the token of a
    user who may do more than the revoker."""
    hold_rights(work, tenant_id)
    owner = get_token(work, tenant_id, user_id, token_id, now_ms).user_id
    if owner != revoker.id:
        refuse_acting_on(revoker.giver(work), rights_of_user(work, tenant_id, owner, now_ms))
    revoke_grant(work, tenant_id, token_id, now_ms)


def _tokens(tenant_id: str, user_id: str | None, now_ms: int) -> list[ColumnElement[bool]]:
    owned = [] if user_id is None else [_GRANTS.c.user_id == user_id]
    return [*_living(tenant_id, now_ms), _GRANTS.c.kind == API_TOKEN, *owned]


def _no_such_token() -> DomainError:
    return not_found("TOKEN_NOT_FOUND", "There is no such API token.")
