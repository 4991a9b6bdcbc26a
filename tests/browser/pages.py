"""The hosted pages in Chromium: as people see them, by keyboard, without scripts; axe-core finds nothing.

Not a part of `make test`, since it needs Chromium and npm: `make browser`. Screenshots are kept under build/browser.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from browser.chromium import PHONE, Device, chromium, is_here, keep, problems, submit, window
from kit.second_factor import app_code
from kit.servers.ports import free_port
from kit.servers.served import Served, served
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(not is_here(), reason="needs Chromium and npm")
PASSWORD = "correct horse battery"
LOOKS: dict[str, dict[str, Any]] = {
    "light": {}, "dark": {"color_scheme": "dark"}, "phone": {"viewport": PHONE}, "rtl": {"locale": "ar"},
    "phone-dark-ja": {"viewport": PHONE, "color_scheme": "dark", "locale": "ja-JP"},
    "high-contrast": {"forced_colors": "active"},
}  # fmt: skip
Check = Callable[[Page, str], None]


class Site:
    """A server with one tenant, its application, and people."""

    def __init__(self, server: Served, callback: str) -> None:
        self.server = server
        self.callback = callback
        self.oauth = server.credentials["oauthServerUrl"]
        self.client = {"client_id": server.credentials["clientId"], "redirect_uri": callback}
        self._management = f"/management/v4/{server.credentials['tenantId']}"
        self._headers = server.manager()
        self.put("config/redirect_uris", {"redirectUris": [callback]})
        self.put("config/ui/languages", {"languages": ["en", "de", "ar", "ja", "zh-Hans-CN"]})

    def put(self, path: str, document: dict[str, Any]) -> None:
        answer = self.server.http.put(f"{self._management}/{path}", json=document, headers=self._headers)
        answer.raise_for_status()

    def person(self, email: str) -> str:
        """Somebody of the test's own, since tries are counted by person; the directory id."""
        user = {"emails": [{"value": email, "primary": True}], "password": PASSWORD, "status": "CONFIRMED"}
        path = f"{self._management}/cloud_directory/sign_up"
        return str(self.server.http.post(path, json=user, headers=self._headers).raise_for_status().json()["id"])

    def logo(self) -> None:
        picture = Image.new("RGBA", (600, 120))
        draw = ImageDraw.Draw(picture)
        draw.rounded_rectangle((0, 10, 100, 110), 24, fill="#ffffff")
        draw.rounded_rectangle((130, 35, 590, 85), 20, fill="#ffffff")
        out = io.BytesIO()
        picture.save(out, "PNG")
        path, files = f"{self._management}/config/ui/media?mediaType=logo", {"file": ("logo.png", out.getvalue())}
        self.server.http.post(path, files=files, headers=self._headers).raise_for_status()

    def url(self, path: str = "authorization", **parameters: str) -> str:
        asked = {**self.client, **({"response_type": "code", "state": "s"} if path == "authorization" else {})}
        query = "&".join(f"{name}={value}" for name, value in {**asked, **parameters}.items())
        return f"{self.oauth}/{path}?{query}"

    def token(self, email: str) -> str:
        form = {"grant_type": "password", "username": email, "password": PASSWORD}
        client = self.server.credentials["clientId"], self.server.credentials["secret"]
        answer = self.server.http.post(f"{self.oauth}/token", data=form, auth=client)
        return str(answer.raise_for_status().json()["access_token"])

    def details_code(self, email: str) -> str:
        headers = {"authorization": f"Bearer {self.token(email)}"}
        answer = self.server.http.get(f"{self.oauth}/cloud_directory/generate_code", headers=headers)
        return answer.raise_for_status().text


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, callback: str) -> Iterator[Site]:
    port = free_port()  # a name: browsers have no passkeys for addresses
    addresses = {"listen": f"127.0.0.1:{port}", "public_url": f"http://localhost:{port}"}
    with served(tmp_path_factory.mktemp("browser"), **addresses) as running:
        yield Site(running, callback)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("axe")


class Arrived(BaseHTTPRequestHandler):
    """The application at the other end."""

    def do_GET(self) -> None:
        content = b"<!doctype html><title>app</title><p>arrived"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def callback() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Arrived) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/callback"
        server.shutdown()


@pytest.mark.parametrize("name", LOOKS)
def test_the_sign_in_looks_right_and_a_person_signs_in_by_keyboard(
    site: Site, browser: Browser, folder: Path, name: str
) -> None:
    site.put("config/ui/theme_color", {"headerColor": "#0B5D5E"})
    site.put("config/ui/theme_text", {"tabTitle": "Acme", "footnote": "Acme Ltd."})
    site.person(f"{name}@example.com")
    with window(browser, **LOOKS[name]) as page:
        page.goto(site.url())
        keep(page, f"sign-in-{name}")
        assert problems(page, folder) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is wider than the window"
        page.keyboard.type(f"{name}@example.com")
        page.keyboard.press("Tab")
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("[role=alert]")
        keep(page, f"sign-in-{name}-wrong")
        assert problems(page, folder) == []
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(f"{site.callback}?code=*")


@pytest.mark.parametrize("name", ["light", "phone-dark-ja", "rtl"])
def test_buttons_lead_to_other_providers_and_what_went_wrong_there_is_said(
    site: Site, browser: Browser, folder: Path, name: str
) -> None:
    idp = {"isActive": True, "config": {"idpId": "id", "secret": "secret"}}
    nowhere = {"issuer": "https://127.0.0.1:9", "clientId": "id", "secret": "s", "displayName": "Acme Staff"}
    site.put("config/idps/facebook", idp)
    site.put("config/idps/oidc", {"isActive": True, "config": nowhere})
    try:
        with window(browser, **LOOKS[name]) as page:
            page.goto(site.url())
            keep(page, f"providers-{name}")
            assert problems(page, folder) == []
            assert page.locator(".providers button").count() == 2
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            page.keyboard.press("Tab")
            page.focus("button[value=oidc]")
            page.keyboard.press("Enter")
            page.wait_for_selector("[role=alert]")
            keep(page, f"providers-{name}-unreachable")
            assert problems(page, folder) == []
            page.route("https://www.facebook.com/**", lambda route: route.fulfill(body="the dialog of Facebook"))
            page.click("button[value=facebook]")
            page.wait_for_url("https://www.facebook.com/**/dialog/oauth?**")
            state = parse_qs(urlsplit(page.url).query)["state"][0]
            page.goto(f"{site.oauth}/Facebook/callback?error=access_denied&state={state}")
            page.wait_for_selector("[role=alert]")
            keep(page, f"providers-{name}-cancelled")
            assert problems(page, folder) == []
    finally:
        for provider in ("facebook", "oidc"):
            site.put(f"config/idps/{provider}", {"isActive": False})


def walk(site: Site, page: Page, check: Check, who: str) -> None:
    """Every page that a person can come to, in the order of a story."""
    page.goto(site.server.url)
    check(page, "front")
    page.goto(site.url())
    page.click("button[value=forgot_password]")
    check(page, "forgot-password")
    submit(page, username=f"{who}@example.com")
    check(page, "forgot-password-sent")
    page.click("button[value=password]")
    page.click("button[value=sign_up]")
    check(page, "sign-up")
    account = {"given_name": "Jo", "family_name": "Doe", "email": f"{who}@example.com"}
    submit(page, **account, new_password="short", new_password_again="short")
    check(page, "sign-up-weak")
    submit(page, new_password=PASSWORD, new_password_again=PASSWORD)
    check(page, "pending")
    submit(page)
    check(page, "pending-sent-again")
    ada = f"ada.{who}@example.com"
    page.goto(site.url("cloud_directory/change_password", user_id=site.person(ada)))
    check(page, "change-password")
    submit(page, password="wrong", new_password=PASSWORD, new_password_again=PASSWORD)
    check(page, "change-password-wrong")
    page.goto(site.url("cloud_directory/change_details", code=site.details_code(ada)))
    check(page, "change-details")
    submit(page, given_name="Ada", family_name=who)
    page.wait_for_url(f"{site.callback}?code=*")
    page.goto(f"{site.server.url}/wfm/verify/unknown")
    check(page, "error")
    page.goto(site.url(redirect_uri="https://elsewhere.example.com"))
    check(page, "error-redirect")


@pytest.mark.parametrize("name", ["light", "phone-dark-ja", "rtl"])
def test_axe_finds_nothing_on_any_page(site: Site, browser: Browser, folder: Path, name: str) -> None:
    def check(page: Page, which: str) -> None:
        keep(page, f"{which}-{name}")
        assert problems(page, folder) == [], which
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), which

    with window(browser, **LOOKS[name]) as page:
        walk(site, page, check, f"jo.{name}")


@pytest.mark.parametrize("name", ["light", "phone-dark-ja", "rtl"])
def test_a_passkey_at_the_account_from_its_making_to_its_removal(
    site: Site, browser: Browser, folder: Path, name: str
) -> None:
    who, url = f"grace.{name}@example.com", f"{site.server.url}/account/{site.server.credentials['tenantId']}"
    site.person(who)

    def check(page: Page, which: str) -> None:
        keep(page, f"account-{which}-{name}")
        assert problems(page, folder) == [], which
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), which

    with window(browser, **LOOKS[name]) as page:
        device = Device(page)
        page.goto(url)
        check(page, "sign-in")
        submit(page, username=who, password=PASSWORD)
        page.wait_for_url(url)
        check(page, "empty")
        for part in ("password", "details", "authenticator"):
            page.goto(f"{url}/{part}")
            check(page, part)
        page.goto(f"{url}/passkey")
        check(page, "passkey")
        page.fill("#name", "Laptop")
        page.click("[data-passkey] button")
        page.wait_for_url(f"{url}?done=passkey")
        check(page, "with-passkey")
        (held,) = device.send("getCredentials")["credentials"]
        assert (held["isResidentCredential"], held["rpId"]) == (True, "localhost")
        page.context.clear_cookies()
        page.goto(site.url())  # the browser offers it by itself, and the device says yes
        page.wait_for_url(f"{site.callback}?code=*")
        page.context.clear_cookies()
        device.send("setUserVerified", isUserVerified=False)
        page.goto(url)
        page.click("[data-passkey] button")
        page.wait_for_selector("[data-passkey] [role=alert]:not([hidden])")
        check(page, "passkey-refused")
        submit(page, username=who, password=PASSWORD)
        page.wait_for_selector("[data-step=passkey_factor]")
        check(page, "second-factor")
        device.send("setUserVerified", isUserVerified=True)
        page.click("[data-passkey] button")
        page.wait_for_selector("#factors")
        page.click("form[action$='/remove_factor'] button")
        page.wait_for_url(f"{url}?done=remove_factor")
        check(page, "removed")


def test_every_page_works_without_scripts(site: Site, browser: Browser) -> None:
    def check(page: Page, which: str) -> None:
        assert page.locator("h1").count() == 1, which

    with window(browser, java_script_enabled=False) as page:
        walk(site, page, check, "jo.without")
        page.goto(site.url())
        submit(page, username="ada.jo.without@example.com", password=PASSWORD)
        page.wait_for_url(f"{site.callback}?code=*")


def prove_factors(site: Site, page: Page, check: Check, who: str) -> None:
    """Every page of a second factor, in the order of a story."""
    site.person(f"{who}@example.com")
    mfa = "config/cloud_directory/mfa"
    sms = {"key": "k", "secret": "s", "from": "Acme", "provider": "nexmo"}
    site.put(f"{mfa}/channels/email", {"isActive": True})
    site.put(mfa, {"isActive": True})
    try:
        page.goto(site.url())
        submit(page, username=f"{who}@example.com", password=PASSWORD)
        check(page, "mail-code")
        assert page.locator("#code[autocomplete=one-time-code][inputmode=numeric]").count() == 1
        submit(page, code="12345")
        check(page, "mail-code-wrong")
        site.put(f"{mfa}/channels/nexmo", {"isActive": True, "config": sms})
        page.goto(site.url())
        submit(page, username=f"{who}@example.com", password=PASSWORD)
        check(page, "sms-number")
        page.click("button[value=enrol_app]")
        check(page, "enrol-app")
        key = page.locator("dd code").inner_text().replace(" ", "")
        assert page.locator("svg.qr").bounding_box()["width"] > 150  # type: ignore[index]
        submit(page, code=app_code(key, int(time.time() * 1000)))
        check(page, "recovery-codes")
        codes = page.locator(".codes code").all_inner_texts()
        submit(page)
        page.wait_for_url(f"{site.callback}?code=*")
        page.goto(site.url())
        submit(page, username=f"{who}@example.com", password=PASSWORD)
        check(page, "authenticator")
        page.click("button[value=recovery_code]")
        check(page, "recovery-code")
        submit(page, code=codes[0])
        page.wait_for_url(f"{site.callback}?code=*")
    finally:
        site.put(mfa, {"isActive": False})


@pytest.mark.parametrize("name", ["light", "phone-dark-ja", "rtl"])
def test_axe_finds_nothing_on_any_page_of_a_second_factor(
    site: Site, browser: Browser, folder: Path, name: str
) -> None:
    def check(page: Page, which: str) -> None:
        keep(page, f"{which}-{name}")
        assert problems(page, folder) == [], which
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), which

    with window(browser, **LOOKS[name]) as page:
        prove_factors(site, page, check, f"factors.{name}")


def test_second_factors_work_without_scripts(site: Site, browser: Browser) -> None:
    def check(page: Page, which: str) -> None:
        assert page.locator("h1").count() == 1, which

    with window(browser, java_script_enabled=False) as page:
        prove_factors(site, page, check, "factors.without")


def test_nothing_moves_when_the_logo_arrives_and_all_of_it_is_small(site: Site, browser: Browser, folder: Path) -> None:
    site.logo()
    observed = """new Promise(done => {let sum = 0; const seen = new PerformanceObserver(list => {
      for (const entry of list.getEntries()) sum += entry.value}); seen.observe({type: 'layout-shift', buffered: true});
      setTimeout(() => done(sum), 500)})"""
    with window(browser) as page:
        sizes: list[int] = []
        page.on("response", lambda answer: sizes.append(len(answer.body())))
        page.goto(site.url(), wait_until="networkidle")
        keep(page, "logo")
        assert page.evaluate("document.images[0].complete && document.images[0].naturalWidth > 0")
        assert page.evaluate(observed) == 0
        assert sum(sizes) < 30_000, sizes
        assert problems(page, folder) == []


def test_axe_would_have_found_something(browser: Browser, folder: Path) -> None:
    with window(browser) as page:
        page.set_content("<title>x</title><input><p style='color:#ccc;background:#fff'>pale")
        assert {found.partition(":")[0] for found in problems(page, folder)} >= {
            "label",
            "color-contrast",
            "html-has-lang",
        }
