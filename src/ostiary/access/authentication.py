"""Authentication by a bearer token: checks its signature, times and audience, and that nothing it depends on was
revoked; returns a principal.

SCIM tokens are no JSON Web Tokens: `provisioners` finds their holders.

Two audiences are never mixed: platform tokens name the platform and are accepted by csp, cloudapi, SCIM, `/oidc` and,
with an IAM role, management; App ID tokens name one application and open only their tenant's `/oauth/v4` and `/api/v1`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, null, select

from ostiary.access.policy import dead_token, givable_on
from ostiary.access.principals import Principal, PrincipalKind
from ostiary.access.provisioners import Provisioners
from ostiary.clock import Clock
from ostiary.directory.roles.built_in import BUILT_IN, ORG_MEMBER, SERVICE_ACCOUNT
from ostiary.directory.roles.permissions import (
    END_USER,
    NEVER,
    NOT_GIVEN,
    RELYING_PARTY,
    SIGNED_IN,
    Permissions,
    Rights,
    for_good,
)
from ostiary.directory.roles.rights import RIGHTS, by_groups, permissions_from, rights_from, with_roles
from ostiary.ids import digest
from ostiary.keys import jwt
from ostiary.keys.issuers import Issuers
from ostiary.keys.keyring import Keyring, Verifier
from ostiary.oauth.claims.known_subjects import Found, KnownSubjects
from ostiary.oauth.claims.subjects import Subject
from ostiary.oauth.clients.clients import find_client
from ostiary.oauth.platform.service_accounts import SERVICE
from ostiary.oauth.token.app_profile import CLIENT_AMR
from ostiary.oauth.token.grants.access_token_assertion import SignedInUser
from ostiary.store.prepared import prepared
from ostiary.store.tables import USER, ApiKey, Client, OrganizationRole, ServiceAccount, Session, User, table_of
from ostiary.store.tenancy import PLATFORM, SYSTEM_ID, Tenancy, TenantView
from ostiary.store.work import Work

_OF_MEMBERS = BUILT_IN[ORG_MEMBER].permissions
_KEYS, _USERS = table_of(ApiKey), table_of(User)
_SESSIONS, _CLIENTS = table_of(Session), table_of(Client)
_ACCOUNTS, _ROLES = table_of(ServiceAccount), table_of(OrganizationRole)
_API_KEY = prepared(
    select(_KEYS.c.role, _KEYS.c.revoked_at).where(
        _KEYS.c.tenant_id == bindparam("of_tenant"), _KEYS.c.id == bindparam("id")
    )
)
_THE_SESSION = (_SESSIONS.c.id == bindparam("session")) & (_SESSIONS.c.user_id == _USERS.c.id)
_USER = prepared(
    select(
        _USERS.c.active,
        _USERS.c.access_epoch,
        _SESSIONS.c.ended_at,
        _SESSIONS.c.access_epoch.label("session_epoch"),
        *RIGHTS,
    )
    .select_from(with_roles(_USERS.outerjoin(_SESSIONS, _THE_SESSION), _USERS.c.id, USER, _USERS.c.tenant_id))
    .where(_USERS.c.tenant_id == bindparam("of_tenant"), _USERS.c.id == bindparam("id"))
    .union_all(by_groups(null(), null(), null(), null(), *RIGHTS))
)
"""The user with the session, a row for each role that was given to the user, and below them a row for each role of a
group, in which all else is NULL."""
_ACCOUNT = (
    select(_ACCOUNTS.c.role, _ROLES.c.permissions)
    .select_from(
        _ACCOUNTS.outerjoin(_ROLES, (_ROLES.c.id == _ACCOUNTS.c.role) & (_ROLES.c.tenant_id == _ACCOUNTS.c.tenant_id))
    )
    .where(_ACCOUNTS.c.tenant_id == bindparam("of_tenant"), _ACCOUNTS.c.id == bindparam("id"))
)
_CLIENT = prepared(
    select(_CLIENTS.c.enabled, _CLIENTS.c.service_account).where(
        _CLIENTS.c.tenant_id == bindparam("of_tenant"), _CLIENTS.c.id == bindparam("id")
    )
)
Held = tuple[Sequence[str], Permissions]
"""The roles that a principal was given itself, and all of its permissions."""
_SERVICE_ACCOUNT: Held = (SERVICE_ACCOUNT,), BUILT_IN[SERVICE_ACCOUNT].permissions
REMEMBERED = 10_000
"""Signatures already checked: a token is verified once a process, its holder on every request."""


class Authentication:
    """Checks bearer tokens. All refusals look alike: 401, without saying what was wrong with the token."""

    def __init__(
        self, tenancy: Tenancy, keys: Keyring, issuers: Issuers, clock: Clock, provisioners: Provisioners
    ) -> None:
        self._tenancy = tenancy
        self._subjects = KnownSubjects(tenancy)
        self._keys = keys
        self._issuers = issuers
        self._clock = clock
        self.provisioners = provisioners
        self._verified: OrderedDict[str, tuple[dict[str, Any], int]] = OrderedDict()
        self._lock = threading.Lock()

    def platform(self, work: Work, token: str, *, for_claims: bool = False) -> Principal:
        """The principal of a platform token; raises 401 UNAUTHENTICATED. `for_claims` takes the tokens too that open
        nothing but the claims of a person."""
        name = digest(token)
        claims, generation = self._claims(work, token, name)
        if claims.get("iss") not in self._issuers.platform or "sub_type" not in claims:
            raise dead_token()
        audience = _audience(claims)
        if self._issuers.audience in audience:
            principal = self._platform_principal(work, claims, name)
        elif for_claims and self._issuers.userinfo in audience:
            principal = replace(self._platform_principal(work, claims, name), permissions=RELYING_PARTY)
        else:
            raise dead_token()
        self._still_signed(work, token, name, generation, work.memo[PLATFORM])
        return principal

    def signed_in_user(self, work: Work, token: str) -> SignedInUser:
        """The directory user of a platform token; raises 401 for that of anybody else."""
        principal = self.platform(work, token)
        if principal.kind is not PrincipalKind.USER:
            raise dead_token()
        return SignedInUser(principal.id, principal.tenant_id, principal.session_id)

    def as_user(self, work: Work, tenant_id: str, user_id: str) -> Principal:
        """A directory user as it would be signed in now; raises 401 when it may not sign in."""
        roles, permissions = self._held_by_user(work, tenant_id, user_id, "")
        return Principal(
            PrincipalKind.USER, id=user_id, tenant_id=tenant_id, permissions=permissions, roles=roles, user_id=user_id
        )  # fmt: skip

    def giver(self, principal: Principal, tenant_id: str) -> Callable[[Work], Rights]:
        """Reads what the caller may do on a tenant, and until when, when it is asked, in the transaction of a change of
        rights: its own may have been taken since it was authenticated. Raises 401 when it may not act any more.

        A service account gives nothing but what every member may do: that would outlive it."""

        def held(work: Work) -> Rights:
            rights = self._held_now(work, principal)
            permitted = givable_on(replace(principal, permissions=frozenset(rights)), tenant_id)
            ends = {permission: rights.get(permission, NEVER) for permission in permitted}
            if principal.kind is not PrincipalKind.SERVICE_ACCOUNT:
                return ends
            return {permission: ends[permission] if permission in _OF_MEMBERS else NOT_GIVEN for permission in ends}

        return held

    def _held_now(self, work: Work, principal: Principal) -> Rights:
        match principal.kind:
            case PrincipalKind.USER:
                rows = self._user_rows(work, principal.tenant_id, principal.id, principal.session_id)
                return rights_from(rows, principal.tenant_id, SIGNED_IN)
            case PrincipalKind.API_KEY:
                row = work.row(_API_KEY, {"of_tenant": principal.tenant_id, "id": principal.id})
                return for_good(_held_by_key(row)[1])
            case PrincipalKind.CLIENT:
                row = work.row(_CLIENT, {"of_tenant": principal.tenant_id, "id": principal.id})
                alive = row is not None and row.enabled and row.service_account
                return for_good(_SERVICE_ACCOUNT[1]) if alive else {}
            case PrincipalKind.SERVICE_ACCOUNT:
                return for_good(self._held_by_service_account(work, principal.tenant_id, principal.id)[1])
            case PrincipalKind.SCIM_TOKEN:
                return for_good(self.provisioners.held_now(work, principal))
        return {}

    def end_user(self, work: Work, token: str) -> Principal:
        """The principal of an App ID access token: a profile, or a client for client_credentials; raises 401."""
        claims, name = self._app_claims(work, token)
        # An identity token is no access token: only the latter carries a scope, and no mapping gives the former one.
        if not isinstance(claims.get("scope"), str):
            raise dead_token()
        client_id, subject = _audience(claims)[0], str(claims["sub"])
        return Principal(
            PrincipalKind.CLIENT if is_of_client(claims) else PrincipalKind.END_USER,
            id=subject, tenant_id=str(claims["tenant"]), permissions=END_USER,
            scopes=frozenset(claims["scope"].split()), client_id=client_id, token=name,
            expires_at=int(claims["exp"]) * 1000, claims=claims,
        )  # fmt: skip

    def app_token(self, work: Work, token: str) -> dict[str, Any]:
        """The claims of a living App ID token, access or identity; raises 401."""
        return self._app_claims(work, token)[0]

    def look_ahead(self, work: Work, tenant_id: str, token: str) -> None:
        """Reads what a request will ask about an App ID token together with the tenant, where this process has verified
        the token before. It decides nothing, and any text may be given."""
        name = digest(token)
        claims, _ = self._verified.get(name) or ({}, 0)
        if claims.get("tenant") == tenant_id and claims.get("iss") == self._issuers.tenant(tenant_id):
            self._beside(work, tenant_id, name, claims)

    def _beside(self, work: Work, tenant_id: str, name: str, claims: dict[str, Any]) -> Found:
        """The tenant of an App ID token, whether it was revoked, and its subject, None for that of a client."""
        if is_of_client(claims):
            return *self._tenancy.find_for_token(work, tenant_id, name), None
        return self._subjects.find(work, tenant_id, name, str(claims["sub"]), self._clock.now_ms())

    def _app_claims(self, work: Work, token: str) -> tuple[dict[str, Any], str]:
        """Returns the claims and the digest of a token whose tenant, application and subject are all active."""
        name = digest(token)
        claims, generation = self._claims(work, token, name)
        tenant_id = str(claims.get("tenant", ""))
        if claims.get("iss") != self._issuers.tenant(tenant_id):
            raise dead_token()
        client_id = next(iter(_audience(claims)), "")
        found, revoked, subject = self._beside(work, tenant_id, name, claims)
        tenant = _living(found, revoked)
        if not is_of_client(claims):
            _check_subject(subject, claims)
        self._still_signed(work, token, name, generation, tenant.generation)
        self._living_client(work, tenant, client_id, claims)
        return claims, name

    def _claims(self, work: Work, token: str, name: str) -> tuple[dict[str, Any], int]:
        """The claims, and the generation of its signer's keys under which the signature was found good."""
        claims, generation = self._verified.get(name) or self._verify(work, token, name)
        if not isinstance(claims.get("exp"), int) or claims["exp"] * 1000 <= self._clock.now_ms():
            raise dead_token()
        return claims, generation

    def _verify(self, work: Work, token: str, name: str) -> tuple[dict[str, Any], int]:
        try:
            _, claims = jwt.decode(token, lambda unverified: self._verifiers(work, unverified))
        except jwt.InvalidToken as error:
            raise dead_token() from error
        signer = self._signer(work, claims)
        found = claims, signer.generation if signer else 0
        with self._lock:
            self._verified[name] = found
            if len(self._verified) > REMEMBERED:
                self._verified.popitem(last=False)
        return found

    def _still_signed(self, work: Work, token: str, name: str, generation: int, now: int) -> None:
        """Verifies again when the signer changed since: its key may have been thrown away."""
        if generation != now:
            self._verify(work, token, name)

    def _verifiers(self, work: Work, claims: dict[str, Any]) -> dict[str, Verifier]:
        tenant = self._signer(work, claims)
        return self._keys.verifiers(work, tenant) if tenant else {}

    def _signer(self, work: Work, claims: dict[str, Any]) -> TenantView | None:
        """Returns the tenant whose keys must have signed the token: the platform's, or the one that the token names.

        The claims are not verified yet: they may be of any type, and contain text that the store does not accept.
        """
        issuer, tenant_id = claims.get("iss"), claims.get("tenant")
        if isinstance(issuer, str) and issuer in self._issuers.platform:
            return self._tenancy.find(work, SYSTEM_ID)
        known = isinstance(tenant_id, str) and tenant_id.isascii()
        return self._tenancy.find(work, str(tenant_id)) if known else None

    def _living_client(self, work: Work, tenant: TenantView, client_id: str, claims: dict[str, Any]) -> bool:
        """Whether the client is an allow-listed service account; raises when it is gone or disabled, and when the token
        with these claims was issued to a former one of the same id."""
        client = find_client(work, tenant, client_id)
        if client is None or not client.enabled or int(claims["iat"]) < client.tokens_valid_from // 1000:
            raise dead_token()
        return client.service_account

    def _platform_principal(self, work: Work, claims: dict[str, Any], name: str) -> Principal:
        tenant = _living(*self._tenancy.find_for_token(work, str(claims.get("context_name", "")), name))
        kind, identifier = str(claims.get("sub_type", "")), str(claims["sub"])
        session = str(claims.get("sid", ""))
        if kind == "api_key":
            roles, permissions = self._held_by_api_key(work, tenant, identifier)
        elif kind == "user":
            roles, permissions = self._held_by_user(work, tenant.id, identifier, session)
        elif kind == "client" and self._living_client(work, tenant, identifier, claims):
            roles, permissions = _SERVICE_ACCOUNT
        elif kind == SERVICE:
            roles, permissions = self._held_by_service_account(work, tenant.id, identifier)
        else:  # an application that is no service account, or no longer, acts nowhere but in App ID's runtime
            raise dead_token()
        return Principal(
            PrincipalKind(kind), id=identifier, tenant_id=tenant.id, permissions=permissions, roles=roles,
            scopes=frozenset(str(claims.get("scope", "")).split()), client_id=str(claims.get("azp", "")),
            user_id=identifier if kind == "user" else "", session_id=session, token=name,
            expires_at=int(claims["exp"]) * 1000, claims=claims,
        )  # fmt: skip

    def _held_by_service_account(self, work: Work, tenant_id: str, account_id: str) -> Held:
        rows = work.rows(_ACCOUNT, {"of_tenant": tenant_id, "id": account_id})
        if not rows:
            raise dead_token()
        return (rows[0].role,), permissions_from(rows, tenant_id, SIGNED_IN)

    def _held_by_api_key(self, work: Work, tenant: TenantView, key_id: str) -> Held:
        row = tenant.cached(("api key", key_id), lambda: work.row(_API_KEY, {"of_tenant": tenant.id, "id": key_id}))
        return _held_by_key(row)

    def _held_by_user(self, work: Work, tenant_id: str, user_id: str, session: str) -> Held:
        rows = self._user_rows(work, tenant_id, user_id, session)
        own = [row.role for row in rows if row.holder_type == USER]
        return own, permissions_from(rows, tenant_id, SIGNED_IN)

    def _user_rows(self, work: Work, tenant_id: str, user_id: str, session: str) -> Sequence[Any]:
        """Rows of `_USER` of a user who may act; raises when it may not."""
        rows = work.rows(
            _USER, {"of_tenant": tenant_id, "id": user_id, "session": session, "now_ms": self._clock.now_ms()}
        )
        user = next((row for row in rows if row.active is not None), None)
        if user is None or not user.active:
            raise dead_token()
        # A session that was being opened while all access of its user ended has an earlier epoch; none has none.
        if session and (user.session_epoch != user.access_epoch or user.ended_at is not None):
            raise dead_token()
        return rows


def _held_by_key(row: Any) -> Held:
    if row is None or row.revoked_at is not None:
        raise dead_token()
    return (row.role,), BUILT_IN[row.role].permissions


def _living(tenant: TenantView | None, revoked: bool) -> TenantView:
    """The tenant of a token that was not revoked; raises when it is unknown or disabled."""
    if tenant is None or not tenant.enabled or revoked:
        raise dead_token()
    return tenant


def _check_subject(subject: Subject | None, claims: dict[str, Any]) -> None:
    """Raises when the subject of a token is gone or deactivated, or no longer who it was when it was issued."""
    # `iat` has whole seconds. A token of the very second may have been issued after it, to who signed in anew.
    if subject is None or not subject.active or int(claims["iat"]) < subject.tokens_valid_from // 1000:
        raise dead_token()
    if not subject.is_still(" ".join(claims.get("amr", []))):
        raise dead_token()


def is_of_client(claims: dict[str, Any]) -> bool:
    """Whether an App ID token was issued to a client for itself. Its `sub` alone does not say so: both ids may come
    from another server, so a profile may have the id of a client."""
    return claims.get("amr") == [CLIENT_AMR]


def _audience(claims: dict[str, Any]) -> list[str]:
    audience = claims.get("aud", [])
    return [audience] if isinstance(audience, str) else list(audience)
