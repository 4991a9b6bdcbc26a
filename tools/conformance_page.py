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
which the answer matters. What is about sessions, prompts and logout is played in Chromium too, at both issuers, by
`tests/browser/openid_modules.py` (`make browser`).

| module | what it asks | `/oauth/v4/{tenant}` | `/oidc` | in Chromium |
| --- | --- | --- | --- | --- |
"""


def conformance_page() -> str:
    """The whole page."""
    facts = json.loads((DATA / "openid_modules.json").read_text(encoding="utf-8"))
    lines = [_line(one, "yes" if one.get("browser") else "") for one in facts]
    return ABOUT + "\n".join(lines) + "\n"


def _line(facts: dict[str, str], in_browser: str) -> str:
    return f"| `{facts['module']}` | {facts['asks']} | {facts['appid']} | {facts['oidc']} | {in_browser} |"
