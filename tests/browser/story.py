"""A newcomer's first day, in Chromium, from the address that `make run` prints to the end of every session.

Not a part of `make test`, since it needs Chromium and npm: `make browser`. Screenshots are kept under build/browser.
"""

from __future__ import annotations

import email
import re
import time
from email import policy
from pathlib import Path

import pytest
from browser.chromium import Device, chromium, is_here, keep, problems, submit, window
from demo.application import Tenant, application
from kit.patience import PATIENCE_S
from kit.second_factor import app_code
from kit.servers.ports import free_port
from kit.servers.served import Served, served
from playwright.sync_api import Page

pytestmark = pytest.mark.skipif(not is_here(), reason="needs Chromium and npm")
ADA, PASSWORD = "ada@example.com", "difference engine 1822"


def link_in_the_mail(server: Served) -> str:
    """The link of the mail that asks for a confirmation, which the server writes to its folder after the sign-up."""
    latest = time.monotonic() + PATIENCE_S
    while time.monotonic() < latest:
        for file in (server.folder / "data/mail").glob("*.eml"):
            mail = email.message_from_bytes(file.read_bytes(), policy=policy.default)
            assert mail["to"] == ADA
            text = mail.get_body(("plain",))
            if text is not None and (links := re.findall(rf"{server.url}\S+", text.get_content())):
                return links[0]
        time.sleep(0.05)
    raise AssertionError("no mail with a link was written")


def sees(page: Page, name: str, axe: Path) -> None:
    """Keeps a screenshot; axe-core finds nothing wrong."""
    keep(page, f"story-{name}")
    assert problems(page, axe) == [], name


def enrol(page: Page, account: str, axe: Path) -> str:
    """Adds a passkey and an authenticator app to the account; the key of the app."""
    page.click(f"a[href='{account}/passkey']")
    page.fill("#name", "My laptop")
    page.click("[data-passkey] button")
    page.wait_for_url(f"{account}?done=passkey")
    page.click(f"a[href='{account}/authenticator']")
    sees(page, "4-authenticator", axe)
    key = page.locator("dd code").inner_text().replace(" ", "")
    submit(page, name="My phone", code=app_code(key, int(time.time() * 1000)))
    page.wait_for_url(f"{account}?done=authenticator")
    sees(page, "5-account", axe)
    return key


def test_from_the_sign_up_to_the_end_of_every_session(tmp_path: Path) -> None:
    port = free_port()  # a name: browsers have no passkeys for addresses
    addresses = {"listen": f"127.0.0.1:{port}", "public_url": f"http://localhost:{port}"}
    axe = tmp_path / "axe"
    axe.mkdir()
    with served(tmp_path, **addresses) as server, chromium() as browser, window(browser) as page:
        page.set_default_timeout(8000)
        account = server.credentials["accountUrl"]
        page.goto(account)
        sees(page, "1-sign-in", axe)
        page.click("button[value=sign_up]")
        page.fill("#given_name", "Ada")
        page.fill("#family_name", "Lovelace")
        sees(page, "2-sign-up", axe)
        submit(page, email=ADA, new_password=PASSWORD, new_password_again=PASSWORD)
        page.goto(link_in_the_mail(server))
        submit(page)
        sees(page, "3-confirmed", axe)
        page.goto(account)
        submit(page, username=ADA, password=PASSWORD)
        page.wait_for_url(account)
        Device(page)
        key = enrol(page, account, axe)
        page.click(".end a")
        submit(page)
        page.wait_for_selector("main form", state="detached")

        known = server.credentials
        tenant = Tenant(server.http, known["managementUrl"], known["oauthServerUrl"], account, server.manager())
        with application(tenant) as home, window(browser) as elsewhere:
            page.goto(home)
            page.wait_for_selector("#guest:not([hidden])")
            sees(page, "6-application", axe)
            page.click("#sign-in")  # the browser offers the passkey by itself, and the device says yes
            page.wait_for_selector("#person:not([hidden])")
            sees(page, "7-signed-in", axe)
            refresh(page)

            elsewhere.goto(home)
            elsewhere.click("#sign-in")
            submit(elsewhere, username=ADA, password=PASSWORD)
            elsewhere.click("button[value=authenticator]")
            sees(elsewhere, "8-authenticator", axe)
            submit(elsewhere, code=app_code(key, int(time.time() * 1000), steps=1))
            elsewhere.wait_for_selector("#person:not([hidden])")
            elsewhere.click("#account")  # single sign-on: nobody is asked again
            elsewhere.wait_for_url(account)
            sees(elsewhere, "9-account", axe)

            page.click("#sign-out")
            page.wait_for_selector("#guest:not([hidden])")
            elsewhere.goto(home)
            refresh(elsewhere)  # only the other browser has signed out
            page.click("#sign-in")
            page.wait_for_selector("#person:not([hidden])")
            page.click("#sign-out-everywhere")
            page.wait_for_selector("#guest:not([hidden])")
            elsewhere.click("#refresh")
            elsewhere.wait_for_selector("#guest:not([hidden])")
            sees(elsewhere, "10-ended", axe)
            elsewhere.goto(account)
            assert elsewhere.locator("input#password").count() == 1, "the account asks for a sign-in, too"


def refresh(page: Page) -> None:
    """Asks for new tokens, and gets others."""
    before = page.locator("#tokens").inner_text()
    page.click("#refresh")
    page.wait_for_selector("#status:not(:empty)")
    assert page.locator("#tokens").inner_text() != before
