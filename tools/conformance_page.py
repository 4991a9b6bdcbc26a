"""The page docs/openid-conformance.md: the modules of the OpenID Foundation's suite, and how each issuer does."""

from __future__ import annotations

import json

from contract.served import DATA

ABOUT = """\
# OpenID conformance

The modules of the OpenID Foundation's conformance suite (Basic, Form Post and Config profiles, logout, session
management) by name, what each asks, and how the two issuers do: App ID's, `/oauth/v4/{tenant}`, and the platform's,
`/oidc`. Written by `make operations`. What *passes* is played by `tests/conformance/test_openid_modules.py` under the
same name, as a browser and a client would; it is no certificate. Of the Form Post profile those modules are played in
which the answer matters.

| module | what it asks | `/oauth/v4/{tenant}` | `/oidc` |
| --- | --- | --- | --- |
"""


def conformance_page() -> str:
    """The whole page."""
    facts = json.loads((DATA / "openid_modules.json").read_text(encoding="utf-8"))
    lines = [f"| `{one['module']}` | {one['asks']} | {one['appid']} | {one['oidc']} |" for one in facts]
    return ABOUT + "\n".join(lines) + "\n"
