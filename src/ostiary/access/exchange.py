"""An API key becomes an access token of one hour, as IBM Cloud IAM does it (appid.md §2)."""

from __future__ import annotations

from typing import Any

from ostiary.access.api_keys import find_api_key
from ostiary.errors import invalid
from ostiary.oauth.form import Form
from ostiary.oauth.platform_tokens import PlatformTokens
from ostiary.store.work import Work

GRANT_TYPE = "urn:ibm:params:oauth:grant-type:apikey"
SCOPE = "ibm openid"


def exchange_api_key(work: Work, tokens: PlatformTokens, form: Form) -> dict[str, Any]:
    """The token response. A bad key is 400, as IAM answers; nothing says whether it ever existed."""
    if form.get("grant_type") != GRANT_TYPE:
        raise invalid("BXNIM0134E", f"grant_type must be {GRANT_TYPE}.")
    if not form.get("apikey"):
        raise invalid("BXNIM0109E", "Property missing or empty: 'apikey'.")
    found = find_api_key(work, form.get("apikey"))
    if found is None:
        raise invalid("BXNIM0415E", "Provided API key could not be found.")
    key_id, tenant_id, _ = found
    iam_id = f"iam-ServiceId-{key_id}"
    issued = tokens.issue(
        work, key_id, "api_key", tenant_id, iam_id=iam_id, id=iam_id, account={"bss": tenant_id, "valid": True},
        grant_type=GRANT_TYPE, scope=SCOPE,
    )  # fmt: skip
    return {
        "access_token": issued.token, "refresh_token": "not_supported", "ims_user_id": 0, "token_type": "Bearer",
        "expires_in": issued.expires_in, "expiration": issued.expires_at, "scope": SCOPE,
    }  # fmt: skip
