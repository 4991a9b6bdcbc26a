"""Chromium, driven by Playwright: pages as people see them, and what axe-core finds wrong with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

PROGRAM = "chromium"
AXE = "axe-core@4.14.1"
ARTEFACTS = Path(os.environ.get("BROWSER_ARTEFACTS", Path(__file__).parents[2] / "build/browser"))
"""Where screenshots are kept."""
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 320, "height": 640}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

OPTIONS = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip
"""What kind of an authenticator it is."""


def is_here() -> bool:
    """Whether there is a Chromium, and npm, which fetches axe-core."""
    return bool(shutil.which(PROGRAM) and shutil.which("npm"))


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-dev-shm-usage"]  # tests run as root in containers
        browser = driver.chromium.launch(executable_path=shutil.which(PROGRAM), args=options)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser: Browser, **options: Any) -> Iterator[Page]:
    """A page of a fresh profile. Whatever its console says of errors, or a request to another host, fails the test."""
    context: BrowserContext = browser.new_context(**{"viewport": DESKTOP, "locale": "en-US", **options})
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    assert not wrong, wrong


def keep(page: Page, name: str) -> Path:
    """A screenshot of the whole page, kept as an artefact."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    file = ARTEFACTS / f"{name}.png"
    page.screenshot(path=file, full_page=True, animations="disabled")
    return file


def problems(page: Page, folder: Path, part: str = "") -> list[str]:
    """What axe-core finds wrong with the page, or with the `part` of it that a selector names. It runs past the policy
    of the page, in a world of its own."""
    session = page.context.new_cdp_session(page)
    frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
    world = session.send("Page.createIsolatedWorld", {"frameId": frame})["executionContextId"]
    asked = f"axe.run({part!r} || document, {{runOnly: {RULES!r}}}).then(r => r.violations.map("
    asked += "v => v.id + ': ' + v.nodes.map(n => n.html + ' ' + n.failureSummary).join(' | ')))"
    session.send("Runtime.evaluate", {"expression": axe(folder), "contextId": world})
    answer = session.send(
        "Runtime.evaluate",
        {"expression": asked, "contextId": world, "awaitPromise": True, "returnByValue": True},
    )
    assert "exceptionDetails" not in answer, answer["exceptionDetails"]
    found: list[str] = answer["result"]["value"]
    return found


@cache
def axe(folder: Path) -> str:
    """The source of axe-core, fetched with npm's ordinary client."""
    subprocess.run(["npm", "pack", "--silent", AXE], cwd=folder, check=True, capture_output=True)
    (packed,) = folder.glob("axe-core-*.tgz")
    with tarfile.open(packed) as archive:
        member = archive.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()


def submit(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        page.fill(f"#{name}", value)
    page.click("main form:not(.ways):not(.providers) button")


class Device:
    """An authenticator of Chromium's own, which verifies whoever sits before it."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("WebAuthn.enable")
        made = self._session.send("WebAuthn.addVirtualAuthenticator", {"options": OPTIONS})
        self._id = made["authenticatorId"]

    def send(self, command: str, **facts: Any) -> Any:
        return self._session.send(f"WebAuthn.{command}", {"authenticatorId": self._id, **facts})
