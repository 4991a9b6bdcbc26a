"""Identity tokens of the platform: what they say of a person, and how one that comes back is read.

A person may belong to more groups than a token should hold. Beyond the number that the client takes, or where their
names are too long, the groups are told by reference (`overflow`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ostiary.clock import Clock
from ostiary.directory.users.users import UserView
from ostiary.errors import DomainError, unauthenticated
from ostiary.keys import jwt
from ostiary.keys.issuers import Issuers
from ostiary.keys.keyring import Keyring
from ostiary.oauth.claims.claims_parameter import asked_at
from ostiary.oauth.claims.standard_claims import directory_claims
from ostiary.oauth.clients.clients import ClientView
from ostiary.oauth.platform.accounts import Account, living_account
from ostiary.oauth.platform.metadata import platform_tenant
from ostiary.oauth.platform.overflow import MOST_GROUPS_BYTES, by_reference, fitting
from ostiary.oauth.sessions.sessions import find_session
from ostiary.oauth.token.profile import Authorized
from ostiary.store.tenancy import Tenancy, TenantView
from ostiary.store.work import Work

MOST_GROUPS = 100
"""The number of groups in an identity token, for a client without a number of its own."""
_GROUP_SCOPES = frozenset({"groups", "group_names", "group_ids"})


def most_groups_of(client: ClientView | None) -> int:
    """The number of groups that the identity tokens of a client hold."""
    own = client.own.most_groups if client else None
    return MOST_GROUPS if own is None else own


def identity_claims(account: Account, expand_at: str, most_groups: int = MOST_GROUPS) -> dict[str, Any]:
    """Returns what an identity token says of the account, in the claims of VMware Identity Service; the groups by
    reference to `expand_at` where there are more than `most_groups`."""
    user = account.user
    claims: dict[str, Any] = {
        "username": user.user_name, "preferred_username": user.user_name, "email": user.email,
        "name": user.display_name, "given_name": user.given_name, "family_name": user.family_name,
        "locale": user.locale,
    }  # fmt: skip
    return {
        **{name: value for name, value in claims.items() if value},
        "email_verified": user.email_verified, "domain": account.tenant.name, "acct": account.acct,
        "context": account.tenant.id, "context_name": account.tenant.id,
        **group_claims(account, expand_at, most_groups),
    }  # fmt: skip


def group_claims(account: Account, expand_at: str, most_groups: int) -> dict[str, Any]:
    """The groups of the account, names and ids in the same order; or, in a token, that they are left out and where they
    are told. An empty `expand_at` is that place itself, where all are told."""
    groups = account.groups
    claims = {"group_names": [group.display_name for group in groups], "group_ids": [group.id for group in groups]}
    if len(groups) > most_groups:
        return by_reference(claims, expand_at)
    return fitting(claims, MOST_GROUPS_BYTES, expand_at) if expand_at else claims


@dataclass(frozen=True, slots=True)
class IdentityTokens:
    """Reads the platform's identity tokens when they come back."""

    tenancy: Tenancy
    keys: Keyring
    issuers: Issuers
    clock: Clock

    def claims(self, work: Work, token: str) -> dict[str, Any]:
        """The claims of an identity token that this platform has signed, also of one that has expired. The algorithm is
        ours, never that of its header. Raises INVALID_TOKEN (401)."""
        system = platform_tenant(work, self.tenancy)
        try:
            _, claims = jwt.decode(token, lambda _: self.keys.verifiers(work, system))
        except jwt.InvalidToken as error:
            raise _refused() from error
        # What only access tokens have.
        if claims.get("iss") not in self.issuers.platform or "sub_type" in claims:
            raise _refused()
        return claims

    def expanded(self, work: Work, token: str) -> dict[str, Any]:
        """The claims of a living identity token with the groups as they are now. Raises INVALID_TOKEN (401) for one
        that has expired, or whose holder is gone, deactivated or signed out."""
        claims, now_ms = self.claims(work, token), self.clock.now_ms()
        if int(claims["exp"]) * 1000 <= now_ms:
            raise _refused()
        account = self._account(work, claims, now_ms)
        given = {name: value for name, value in claims.items() if name not in ("ovc", "ovl")}
        return {**given, **group_claims(account, "", len(account.groups))}

    def tenant_of(self, work: Work, claims: dict[str, Any]) -> TenantView | None:
        """The organization of the holder, unless it is gone or disabled."""
        tenant = self.tenancy.find(work, str(claims.get("context_name", "")))
        return tenant if tenant is not None and tenant.enabled else None

    def _account(self, work: Work, claims: dict[str, Any], now_ms: int) -> Account:
        tenant = self.tenant_of(work, claims)
        account = living_account(work, tenant, str(claims["sub"]), now_ms) if tenant else None
        session = find_session(work, account.tenant.id, str(claims.get("sid", "")), now_ms) if account else None
        if account is None or session is None or session.access_epoch != account.access_epoch:
            raise _refused()
        return account


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asked for at a sign-in: scopes, claims by name at userinfo and in the identity token, and how many
    groups it takes. `only_claims`: an application that no operator has allow-listed gets an access token that opens
    nothing but the claims of the person; otherwise whoever may register applications could act as all who sign in."""

    scopes: Sequence[str]
    claims: str
    most_groups: int
    only_claims: bool

    def access_claims(self) -> dict[str, Any]:
        """Returns what an access token for claims says, for userinfo to read."""
        return {"scope": " ".join(self.scopes), **({"claims": self.claims} if self.claims else {})}


def asked_for(client: ClientView | None, authorized: Authorized[Account]) -> Asked:
    """What the client of a token request asked for when the person signed in."""
    scopes = (*authorized.limit, *authorized.scopes)
    by_browser = "openid" in authorized.limit and client is not None
    only_claims = by_browser and not (client is not None and client.service_account)
    return Asked(scopes, authorized.claims, most_groups_of(client), only_claims)


def csp_identity(account: Account, asked: Asked, expand_at: str) -> dict[str, Any]:
    """All claims, whatever the scopes, as clients of VMware Identity Service expect them."""
    return identity_claims(account, expand_at, asked.most_groups)


def oidc_identity(account: Account, asked: Asked, expand_at: str) -> dict[str, Any]:
    """The organization, the groups where a scope asks for them, and claims that are asked for by name: what the scopes
    of OpenID Connect give comes from userinfo (Core §5.4)."""
    named = asked_at(asked.claims, "id_token")
    said = {name: value for name, value in user_claims(account.user).items() if name in named}
    wants_groups = not _GROUP_SCOPES.isdisjoint(asked.scopes)
    groups = group_claims(account, expand_at, asked.most_groups) if wants_groups else {}
    return {"context_name": account.tenant.id, **said, **groups}


def user_claims(user: UserView) -> dict[str, Any]:
    """The standard claims of a user (OpenID Connect Core §5.1), as far as they are known."""
    known = {
        "name": user.display_name, "preferred_username": user.user_name, "locale": user.locale, "email": user.email,
        **({"email_verified": user.email_verified} if user.email else {}), **directory_claims(user),
    }  # fmt: skip
    return {name: value for name, value in known.items() if value != ""}


def _refused() -> DomainError:
    return unauthenticated("INVALID_TOKEN", "The identity token is not valid, has expired, or its sign-in has ended.")
