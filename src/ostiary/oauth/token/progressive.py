"""Progressive sign-in: `appid_access_token` names the anonymous user that the user was until now.

The anonymous profile becomes the profile of the identity used for the sign-in. So the token must be one that an
anonymous user of this very application may hold: with any other, a user could take over the profile of another person.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, select

from ostiary.clock import Clock
from ostiary.directory.profiles.anonymous import ANONYMOUS
from ostiary.errors import DomainError, invalid
from ostiary.ids import digest
from ostiary.keys import jwt
from ostiary.keys.issuers import Issuers
from ostiary.keys.keyring import Keyring
from ostiary.store.tables import Profile, RevokedToken, table_of
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

PARAMETER = "appid_access_token"
_PROFILES, _REVOKED = table_of(Profile), table_of(RevokedToken)
_LIVING = (
    select(_PROFILES.c.tokens_valid_from)
    .where(_PROFILES.c.tenant_id == bindparam("of_tenant"), _PROFILES.c.id == bindparam("of_profile"))
    .where(_PROFILES.c.anonymous)
    .where(~select(_REVOKED.c.digest).where(_REVOKED.c.digest == bindparam("token_digest")).exists())
)


class AnonymousTokens:
    """Reads access tokens of anonymous users."""

    def __init__(self, keys: Keyring, issuers: Issuers, clock: Clock) -> None:
        self._keys = keys
        self._issuers = issuers
        self._clock = clock

    def profile_of(self, work: Work, tenant: TenantView, client_id: str, token: str) -> str:
        """The anonymous profile of which `token` is; empty without a token.

        Empty too for one that is over: SDKs send what they have kept for months, and nothing of it can be lost any
        more, so its holder signs in as if for the first time. Raises INVALID_ANONYMOUS_TOKEN for any token that is not
        an anonymous user's of this application.
        """
        if not token:
            return ""
        try:
            _, claims = jwt.decode(token, lambda _: self._keys.verifiers(work, tenant))
        except jwt.InvalidToken as error:
            raise _refused() from error
        if claims.get("iss") != self._issuers.tenant(tenant.id) or claims.get("aud") != [client_id]:
            raise _refused()
        # Only access tokens carry a scope, and no mapping of claims gives one to an identity token.
        if claims.get("amr") != [ANONYMOUS] or not isinstance(claims.get("scope"), str):
            raise _refused()
        return str(claims["sub"]) if self._lives(work, tenant.id, claims, token) else ""

    def _lives(self, work: Work, tenant_id: str, claims: dict[str, Any], token: str) -> bool:
        asked = {"of_tenant": tenant_id, "of_profile": str(claims["sub"]), "token_digest": digest(token)}
        row = work.row(_LIVING, asked) if claims["exp"] * 1000 > self._clock.now_ms() else None
        return row is not None and claims["iat"] >= row.tokens_valid_from // 1000


def _refused() -> DomainError:
    message = f"{PARAMETER} must be an access token that this application got for an anonymous user."
    return invalid("INVALID_ANONYMOUS_TOKEN", message, oauth_error="invalid_request")
