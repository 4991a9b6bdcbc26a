"""An application on requests-oauthlib: the address to which the person goes, and, with the address to which the browser
came back, what the tokens opened. The facts come as JSON, what came of each step goes out as JSON."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from requests_oauthlib import OAuth2Session  # type: ignore[import-not-found]

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # a server on this machine, without TLS
os.environ["OAUTHLIB_RELAX_TOKEN_SCOPE"] = "1"  # App ID's issuer grants other names than those of OpenID Connect


def came_of(facts: dict[str, Any]) -> dict[str, Any]:
    """The steps, in order. The person's part is played by whoever answers on standard input."""
    session = OAuth2Session(facts["id"], redirect_uri=facts["callback"], scope=["openid", "email"], pkce="S256")
    session.headers["accept"] = "application/json"
    address, state = session.authorization_url(facts["authorize"], nonce="n1", max_age=300)
    print(json.dumps(address), flush=True)
    back = json.loads(sys.stdin.readline())
    secret = {"client_secret": facts["secret"]}
    token = session.fetch_token(facts["token"], authorization_response=back, **secret)
    told = session.get(facts["userinfo"]).json()
    renewed = session.refresh_token(facts["token"], auth=(facts["id"], facts["secret"]))
    again = session.get(facts["userinfo"]).json()
    return {
        "state": f"state={state}" in back, "identity": token["id_token"], "expires": token["expires_at"] > 0,
        "told": told, "rotated": renewed["refresh_token"] != token["refresh_token"], "again": again == told,
        "renewed": renewed["id_token"],
    }  # fmt: skip


print(json.dumps(came_of(json.loads(sys.stdin.readline()))))
