"""Exchange of an API key for an access token that is valid for one hour, as IBM Cloud IAM does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ostiary.access.api_keys import find_api_key
from ostiary.audit.entries import Entry
from ostiary.clock import Clock
from ostiary.errors import invalid
from ostiary.http.forms import Form
from ostiary.oauth.platform.tokens import PlatformTokens
from ostiary.oauth.token.grants.grant import RequestConnection
from ostiary.oauth.token.group_commit import GroupCommit

GRANT_TYPE = "urn:ibm:params:oauth:grant-type:apikey"
SCOPE = "ibm openid"


@dataclass(frozen=True, slots=True)
class ApiKeyExchange:
    """Turns API keys into tokens. The token leaves once it is recorded, with no connection held meanwhile."""

    tokens: PlatformTokens
    group_commit: GroupCommit
    clock: Clock

    def __call__(self, reading: RequestConnection, form: Form, event: str, request_id: str) -> dict[str, Any]:
        """The token response. A bad key is 400, as IAM answers; nothing says whether it ever existed.

        A bad key is not recorded: nobody knows whose it might have been, and anybody can send one.
        """
        if form.get("grant_type") != GRANT_TYPE:
            raise invalid("BXNIM0134E", f"grant_type must be {GRANT_TYPE}.")
        if not form.get("apikey"):
            raise invalid("BXNIM0109E", "Property missing or empty: 'apikey'.")
        found = find_api_key(reading.work, form.get("apikey"))
        if found is None:
            raise invalid("BXNIM0415E", "Provided API key could not be found.")
        key_id, tenant_id, _ = found
        iam_id = f"iam-ServiceId-{key_id}"
        issued = self.tokens.issue(
            reading.work, key_id, "api_key", tenant_id, iam_id=iam_id, id=iam_id, grant_type=GRANT_TYPE, scope=SCOPE,
            account={"bss": tenant_id, "valid": True},
        )  # fmt: skip
        reading.release()
        entry = Entry(
            tenant_id=tenant_id, action=event, initiator_kind="api_key", initiator_id=key_id, target_type="api_key",
            target_id=key_id, request_id=request_id,
        )  # fmt: skip
        self.group_commit.append(self.clock.now_ms(), entry)
        return {
            "access_token": issued.token, "refresh_token": "not_supported", "ims_user_id": 0, "token_type": "Bearer",
            "expires_in": issued.expires_in, "expiration": issued.expires_at, "scope": SCOPE,
        }  # fmt: skip
