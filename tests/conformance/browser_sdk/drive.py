"""The vendor's SDK for single-page applications, unchanged but for its URLs, in Chromium: `make sdk`, which needs npm
and Chromium.

The application is at another port of the same host, so its site is the server's: what a frame is given of cookies where
both are at different sites is up to each browser.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from browser.chromium import chromium, is_here, window
from kit.servers.served import Served, served
from playwright.sync_api import Page

pytestmark = pytest.mark.skipif(not is_here(), reason="needs Chromium and npm")
HERE = Path(__file__).parent
SDK = "ibmcloud-appid-js@1.0.3"
PASSWORD, NEXT = "correct horse battery", "another horse battery"
ANN = "ann@example.com"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The origin of the application, with the SDK that npm fetches."""
    folder = tmp_path_factory.mktemp("page")
    subprocess.run(["npm", "pack", "--silent", SDK], cwd=folder, check=True, capture_output=True)
    (packed,) = folder.glob("*.tgz")
    with tarfile.open(packed) as archive:
        bundle = archive.extractfile("package/dist/appid.umd.min.js")
        assert bundle is not None
        (folder / "appid.umd.min.js").write_bytes(bundle.read())
    shutil.copy(HERE / "application.html", folder)
    site = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    Thread(target=site.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{site.server_port}"
    site.shutdown()
    site.server_close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, origin: str) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server"), workers=1) as server:
        put(server, "config/redirect_uris", {"redirectUris": [origin]})
        person = {"emails": [{"value": ANN, "primary": True}], "password": PASSWORD, "displayName": "Ann"}
        manage(server, "POST", "cloud_directory/sign_up", {**person, "status": "CONFIRMED"})
        yield server


def manage(server: Served, verb: str, path: str, document: dict[str, Any]) -> dict[str, Any]:
    url = f"{server.credentials['managementUrl']}/{path}"
    answer = server.http.request(verb, url, json=document, headers=server.manager()).raise_for_status()
    found: dict[str, Any] = answer.json() if answer.content else {}
    return found


def put(server: Served, path: str, document: dict[str, Any]) -> None:
    manage(server, "PUT", path, document)


@pytest.fixture
def page(server: Served, origin: str) -> Iterator[Page]:
    """The application, opened in a fresh profile."""
    client = manage(server, "POST", "applications", {"name": "page", "type": "singlepageapp"})
    discovery = f"{server.credentials['oauthServerUrl']}/.well-known/openid-configuration"
    with chromium() as browser, window(browser) as page:
        page.goto(f"{origin}/application.html?client={client['clientId']}&discovery={discovery}")
        assert page.evaluate("ready")
        yield page


def in_popup(page: Page, call: str, **fields: str) -> dict[str, Any]:
    """What a call of the SDK comes to, whose window is opened, its form filled in and sent."""
    with page.expect_popup() as opened:
        page.evaluate(f"() => {{ window.outcome = {call}.then(told, refused) }}")
    popup = opened.value
    for name, value in fields.items():
        popup.fill(f"[name={name}]", value)
    if fields:
        popup.click("button[type=submit]")
    outcome: dict[str, Any] = page.evaluate("window.outcome")
    return outcome


def silently(page: Page) -> dict[str, Any]:
    outcome: dict[str, Any] = page.evaluate("app.silentSignin().then(told, refused)")
    return outcome


def test_a_person_signs_in_changes_and_stays_signed_in(page: Page, server: Served) -> None:
    sso = {"isActive": True, "inactivityTimeoutSeconds": 3600, "logoutRedirectUris": []}
    put(server, "config/cloud_directory/sso", sso)
    assert silently(page)["refused"].startswith("login_required")
    tokens = in_popup(page, "app.signin()", username=ANN, password=PASSWORD)
    assert tokens["name"] == "Ann"
    assert page.evaluate("token => app.getUserInfo(token)", tokens["access"])["sub"] == tokens["sub"]
    assert silently(page)["sub"] == tokens["sub"], "the hidden frame has the session"
    assert in_popup(page, "app.signin()")["sub"] == tokens["sub"], "the window asks nobody"

    both = f"{{accessToken: '{tokens['access']}', idToken: '{tokens['id']}'}}"
    named = {"given_name": "Ann", "family_name": "Else", "display_name": "Ann Else"}
    assert in_popup(page, f"app.changeDetails({both})", **named)["name"] == "Ann Else"
    words = {"password": PASSWORD, "new_password": NEXT, "new_password_again": NEXT}
    assert in_popup(page, f"app.changePassword('{tokens['id']}')", **words)["sub"] == tokens["sub"]
    put(server, "config/cloud_directory/sso", {**sso, "isActive": False})
    assert silently(page)["refused"].startswith("login_required")
