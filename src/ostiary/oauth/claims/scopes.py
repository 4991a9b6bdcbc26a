"""Scopes of a token: the standard ones of its kind, and those of roles, either the requested ones or all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ostiary.errors import DomainError, invalid

ANONYMOUS_SCOPES = ("openid", "appid_default", "appid_readuserattr", "appid_readprofile", "appid_writeuserattr")
"""The scopes of an anonymous user's token."""
USER_SCOPES = (*ANONYMOUS_SCOPES, "appid_authenticated")
"""The scopes of every signed-in user's token."""
CLIENT_SCOPES = ("appid_default",)
RESERVED = ("appid_", "openid")
"""The prefixes of scopes that only the server gives."""
OPENID_SCOPES = ("openid", "profile", "email", "address", "phone")
"""The scopes that OpenID Connect Core §5.4 defines, and `openid` itself: metadata lists them."""
PLATFORM_SCOPES = (*OPENID_SCOPES, "groups", "group_names", "group_ids")
"""The scopes of an authorization at the platform: for whom it is, and claims."""
CLAIMS_OF_SCOPES: Mapping[str, tuple[str, ...]] = {
    "profile": (
        "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture",
        "zoneinfo", "locale", "updated_at",
    ),
    "email": ("email", "email_verified"),
    "phone": ("phone_number", "phone_number_verified"),
    "address": ("address",),
    "groups": ("groups", "roles", "org"),
    "group_names": ("groups",),
    "group_ids": ("group_ids",),
}  # fmt: skip
"""The claims that a scope asks for at userinfo of the platform: those of OpenID Connect Core §5.4 that a directory can
know, and what VMware Identity Service adds."""
UNDERSTOOD = frozenset({
    *OPENID_SCOPES, "offline_access",
    "groups", "group", "roles", "role", "permissions", "entitlements", "federated:id", "web-origins", "acr", "basic",
    "microprofile-jwt", "organization", "online_access", "offline", "device_sso",
})  # fmt: skip
"""OpenID Connect's own scopes, and those that other providers define for claims, which relying parties send by habit.
They give nothing here, since claims and refresh tokens are settings, and no endpoint ever refuses them (Core §3.1.2.1);
the `scope` of the answer says what was granted. A role may define one of the latter: then it is that role's scope."""


def requested_scopes(scope: str, client_name: str) -> tuple[str, ...]:
    """The scope parameter (RFC 6749 §3.3) as names, each once; the full form `application/scope` is shortened."""
    prefix = f"{client_name}/"
    return tuple(dict.fromkeys(name.removeprefix(prefix) for name in scope.split()))


def assertable_scopes(scope: str) -> tuple[str, ...]:
    """Returns the scopes that an assertion trusted by the tenant may add: App ID's own are not among them."""
    return tuple(dict.fromkeys(name for name in scope.split() if not name.startswith(RESERVED)))


def granted_scopes(requested: Sequence[str], standard: Sequence[str], roles: Sequence[str]) -> tuple[str, ...]:
    """The standard scopes, and those of `roles` that were requested, or all of them when none was named.

    Raises `invalid_scope` for a name that is neither understood nor granted: never silently more than what was asked
    for, nor less than what its roles would give.
    """
    named = of_roles(requested, standard, roles)
    if not set(named) <= set(roles):
        raise invalid_scope()
    return (*standard, *(name for name in roles if not named or name in named))


def of_roles(requested: Sequence[str], standard: Sequence[str], roles: Collection[str]) -> list[str]:
    """The requested names that only a role can give."""
    return [name for name in requested if name not in standard and (name in roles or name not in UNDERSTOOD)]


def invalid_scope() -> DomainError:
    """RFC 6749 §5.2 `invalid_scope`."""
    message = "A requested scope is unknown or not granted; leave scope out to get all that is granted."
    return invalid("INVALID_SCOPE", message, oauth_error="invalid_scope")
