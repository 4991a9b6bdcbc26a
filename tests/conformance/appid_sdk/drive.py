"""The vendor's own SDK for Node, unchanged but for its URLs, against a server of ours: `make sdk`, which needs Node.

Not a part of `make test`, since the SDK and what it stands on take longer to install than many tests take to run.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from kit.servers.served import Served, served

HERE = Path(__file__).parent
CALLBACK = "https://app.example.com/callback"
USER = {"displayName": "Ann Other", "active": True, "status": "CONFIRMED"}
WHO = {"amr": ["cloud_directory"], "name": "Ann Else", "email_verified": True}
REFUSED = "The email or password that you entered is incorrect."
ANSWERS: dict[str, Any] = {
    "signUp": USER,
    "getUserDetails": USER,
    "updateUserDetails": {"displayName": "Ann Else"},
    "forgotPassword": {"displayName": "Ann Else"},
    "resendNotification": {"message": "Email is queued to be delivered."},
    "setUserNewPassword": {"displayName": "Ann Else"},
    "applicationToken": {"tokenType": "Bearer", "expiresIn": 3600},
    "customTokens": {"tokenType": "Bearer", "expiresIn": 3600},
    "browserSignsIn": {},
    "callback": {"success": WHO},
    "refreshTokens": {"renewed": True},
    "resourceOwner": {"success": WHO},
    "wrongPassword": {"fail": REFUSED},
    "signUpCallback": {"success": {"amr": ["cloud_directory"], "name": "Bo New"}},
    "changePasswordCallback": {"success": {"name": "Bo New"}},
    "oldPassword": {"fail": REFUSED},
    "newPassword": {"success": {"name": "Bo New"}},
    "changeDetailsCallback": {"success": {"name": "Bo Else"}},
    "forgottenPage": {"status": 200},
    "leaves": {"forgotten": True},
    "signedOutEverywhere": {"status": 303, "location": CALLBACK},
    "anonymousCallback": {"success": {"amr": ["appid_anon"]}},
    "progressiveSignIn": {"success": WHO},
    "setAttribute": {"points": "150"},
    "getAttribute": {"points": "150"},
    "getAllAttributes": {"points": "150"},
    "deleteAttribute": None,
    "getUserInfo": {"name": "Ann Else"},
    "api": {},
    "apiWithoutScope": {"fail": 'Bearer scope="appid_default admin", error="insufficient_scope"'},
    "apiWithNonsense": {"fail": 'Bearer scope="appid_default", error="invalid_token"'},
}
"""What the SDK hands to the application; further members may be there."""
FAILURES = {
    "signUpAgain": ("The directory has a user with this mail address already.", "uniqueness"),
    "forgotPasswordOfNobody": ("There is no directory user with this email.", None),
    "resendVerification": ("The user's mail address is confirmed already.", None),
    "signUpResult": ("The context is unknown, or its result was asked for already.", None),
    "forgotPasswordResult": ("The context is unknown, or its result was asked for already.", None),
    "weakPassword": ("The password doesn't meet the strength requirements.", "invalidValue"),
    "customTokensUnsigned": ("Failed to obtain tokens", None),
    "getDeletedAttribute": ("Not found", None),
}
"""Message and code of the errors that the SDK raises."""


@pytest.fixture(scope="module")
def took(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each step of the application came to."""
    folder = tmp_path_factory.mktemp("sdk")
    shutil.copytree(HERE, folder, dirs_exist_ok=True)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, check=True)
    with served(folder, workers=1) as server:
        facts = json.dumps(prepared(server))
        application = ["node", "application.cjs"]
        ended = subprocess.run(application, cwd=folder, input=facts, capture_output=True, text=True, check=True)
    return dict(json.loads(ended.stdout.splitlines()[-1]))  # before it the SDK's own log


def prepared(server: Served) -> dict[str, str]:
    """A tenant that lets the application do all that it does; what it needs to know."""
    facts = server.credentials
    key = RSAKey.generate_key(2048)
    for path, document in {
        "redirect_uris": {"redirectUris": [CALLBACK]},
        "cloud_directory/sso": {
            "isActive": True,
            "inactivityTimeoutSeconds": 3600,
            "logoutRedirectUris": [CALLBACK],
        },
        "idps/custom": {"isActive": True, "config": {"publicKey": key.as_pem(private=False).decode()}},
        "tokens": {"refresh": {"enabled": True}, "anonymousAccess": {"enabled": True}},
    }.items():
        url = f"{facts['managementUrl']}/config/{path}"
        server.http.put(url, json=document, headers=server.manager()).raise_for_status()
    directory = f"{facts['managementUrl']}/config/idps/cloud_directory"
    document = server.http.get(directory, headers=server.manager()).json()
    document["config"]["interactions"]["identityConfirmation"]["accessMode"] = "OFF"
    server.http.put(directory, json=document, headers=server.manager()).raise_for_status()
    claims = {
        "iss": "theirs",
        "aud": facts["oauthServerUrl"],
        "sub": "1",
        "exp": int(time.time()) + 600,
        "scope": "read",
    }
    assertion = jwt.encode({"alg": "RS256", "typ": "JOSE"}, {**claims, "scope": "read"}, key)
    return {**facts, "assertion": assertion, "iamTokenUrl": f"{server.url}/identity/token"}


def holds(document: Any, wanted: Any) -> bool:
    """Whether all of `wanted` is in the document."""
    if isinstance(wanted, dict):
        return isinstance(document, dict) and all(holds(document.get(name), wanted[name]) for name in wanted)
    return bool(document == wanted)


def test_the_application_came_to_its_end(took: dict[str, Any]) -> None:
    assert "application" not in took


@pytest.mark.parametrize("step", ANSWERS)
def test_the_sdk_is_answered(took: dict[str, Any], step: str) -> None:
    assert "failed" not in took[step], took[step]
    assert holds(took[step].get("is"), ANSWERS[step]), took[step]


@pytest.mark.parametrize("step", FAILURES)
def test_the_sdk_understands_the_refusal(took: dict[str, Any], step: str) -> None:
    assert (took[step]["failed"], took[step].get("code")) == FAILURES[step]
