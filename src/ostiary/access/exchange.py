"""IBM Cloud IAM's profile of the token endpoint: an API key is exchanged for an access token of one hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostiary.access.api_keys import find_api_key
from ostiary.audit.event import Event
from ostiary.errors import DomainError, invalid
from ostiary.http.forms import Form
from ostiary.oauth.platform.events import tokens_issued
from ostiary.oauth.platform.tokens import PlatformOrder, PlatformTokens
from ostiary.oauth.sessions.refresh import PLATFORM, GrantTerms
from ostiary.oauth.token.issuing import Issued, UnsignedTokens
from ostiary.oauth.token.profile import Authorized, GrantType, TokenCall, TokenRequest, find_grant
from ostiary.store.work import Work

GRANT_TYPE = "urn:ibm:params:oauth:grant-type:apikey"
SCOPE = "ibm openid"


@dataclass(frozen=True, slots=True)
class HeldApiKey:
    """A living API key that was presented."""

    id: str
    tenant_id: str


IamRequest = TokenRequest[HeldApiKey]


class ApiKeyGrant(GrantType[HeldApiKey]):
    """`apikey`: the secret of an API key."""

    def authorize(self, request: IamRequest) -> Authorized[HeldApiKey]:
        """A bad key is 400, as IAM answers; nothing says whether it ever existed.

        A bad key is not recorded: nobody knows whose it might have been, and anybody can send one.
        """
        if not request.form.get("apikey"):
            raise invalid("BXNIM0109E", "Property missing or empty: 'apikey'.")
        found = find_api_key(request.reading.work, request.form.get("apikey"))
        if found is None:
            raise invalid("BXNIM0415E", "Provided API key could not be found.")
        key_id, tenant_id, _ = found
        return Authorized(HeldApiKey(key_id, tenant_id), amr="")


@dataclass(frozen=True, slots=True)
class IamProfile:
    """IAM: it knows no clients, and issues no refresh tokens. The platform itself is the tenant of its requests."""

    tokens: PlatformTokens
    grants: Mapping[str, GrantType[HeldApiKey]]
    audience: str = PLATFORM

    def unknown_grant(self, form: Form) -> DomainError:
        """IAM's own error, also for a missing `grant_type`."""
        return invalid("BXNIM0134E", f"grant_type must be {GRANT_TYPE}.")

    def begin(self, call: TokenCall, now_ms: int) -> IamRequest:
        """Begins with the grant: no client proves itself before it."""
        grant = find_grant(self, call.form)
        return TokenRequest(self, grant, call, self.tokens.platform(call.reading.work), None, now_ms)

    def find_subject(self, request: IamRequest, terms: GrantTerms) -> HeldApiKey | None:
        """Finds nobody: IAM issues no refresh tokens."""
        return None

    def refresh_lifetime_s(self, request: IamRequest) -> int:
        """Returns 0: no refresh token is issued."""
        return 0

    def prepare(self, request: IamRequest, authorized: Authorized[HeldApiKey]) -> UnsignedTokens:
        """The platform signs; the claims are IAM's."""
        key = _key(authorized)
        iam_id = f"iam-ServiceId-{key.id}"
        claims = {
            "iam_id": iam_id, "id": iam_id, "grant_type": GRANT_TYPE, "scope": SCOPE,
            "account": {"bss": key.tenant_id, "valid": True},
        }  # fmt: skip
        order = PlatformOrder(key.id, "api_key", key.tenant_id, scope=SCOPE, claims=claims)
        return self.tokens.prepare(self.tokens.signer(request.reading.work), order, request.now_ms)

    def events(self, request: IamRequest, authorized: Authorized[HeldApiKey]) -> Sequence[Event]:
        """One event, in the ledger of the key's organization."""
        key, call = _key(authorized), request.call
        return (tokens_issued(key.tenant_id, call.event, call.request_id, ("api_key", key.id), ("api_key", key.id)),)

    def check_unchanged(
        self, work: Work, request: IamRequest, authorized: Authorized[HeldApiKey], unsigned: UnsignedTokens
    ) -> None:
        """Checks nothing: a token dies with its key."""

    def response(self, issued: Issued) -> dict[str, Any]:
        """IAM's form, which has members that nobody uses."""
        return {
            "access_token": issued.access_token, "refresh_token": "not_supported", "ims_user_id": 0,
            "token_type": "Bearer", "expires_in": issued.expires_in,
            "expiration": issued.issued_at + issued.expires_in, "scope": issued.scope,
        }  # fmt: skip


def _key(authorized: Authorized[HeldApiKey]) -> HeldApiKey:
    if authorized.subject is None:
        raise LookupError("IAM's tokens are API keys'")
    return authorized.subject
