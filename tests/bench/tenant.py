"""A tenant to measure with: made over REST like any client would."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

PASSWORD = "correct horse battery staple"
WITHOUT_MAILS = {
    "isActive": True,
    "config": {
        "selfServiceEnabled": True, "signupEnabled": True, "identityField": "email",
        "interactions": {
            "identityConfirmation": {"accessMode": "OFF", "methods": ["email"]},
            "welcomeEnabled": False, "resetPasswordEnabled": True, "resetPasswordNotificationEnable": False,
        },
    },
}  # fmt: skip
"""Hundreds of welcome mails would still be on their way while the first operations are measured."""
GRANT = "urn:ibm:params:oauth:grant-type:apikey"


class BenchTenant:
    """The first tenant of a server, with users, refresh tokens on, and runtime events captured."""

    def __init__(self, url: str, credentials: dict[str, Any]) -> None:
        self.id: str = credentials["tenantId"]
        self.client: str = credentials["clientId"]
        self.secret: str = credentials["secret"]
        self.http = httpx.Client(base_url=url, timeout=30)
        answer = self.http.post("/identity/token", data={"grant_type": GRANT, "apikey": credentials["apikey"]})
        self.token: str = answer.raise_for_status().json()["access_token"]
        self._manage("PUT", "config/tokens", {"refresh": {"enabled": True, "expires_in": 2_592_000}})
        self._manage("PUT", "config/capture_runtime_activity", {"isActive": True})
        self._manage("PUT", "config/idps/cloud_directory", WITHOUT_MAILS)

    def _manage(self, verb: str, path: str, document: dict[str, Any]) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}"}
        answer = self.http.request(verb, f"/management/v4/{self.id}/{path}", json=document, headers=headers)
        return answer.raise_for_status()

    def new_users(self, count: int) -> list[str]:
        """Confirmed users who can sign in; their mail addresses."""
        addresses = [f"user{number}@bench.example" for number in range(count)]

        def make(address: str) -> None:
            document = {"emails": [{"value": address, "primary": True}], "password": PASSWORD, "status": "CONFIRMED"}
            self._manage("POST", "cloud_directory/sign_up?shouldCreateProfile=true", document)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(make, addresses))
        return addresses

    def sign_in(self, address: str) -> dict[str, Any]:
        """The token response of one user."""
        form = {"grant_type": "password", "username": address, "password": PASSWORD}
        answer = self.http.post(f"/oauth/v4/{self.id}/token", data=form, auth=(self.client, self.secret))
        document: dict[str, Any] = answer.raise_for_status().json()
        return document
