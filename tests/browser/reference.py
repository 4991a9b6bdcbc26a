"""The API reference in Chromium: everything comes from this server, and an operation can be tried.

Not a part of `make test`, since it needs Chromium and npm: `make browser`. Screenshots are kept under build/browser.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from browser.chromium import chromium, is_here, keep, problems, window
from kit.servers.served import Served, served
from playwright.sync_api import Page

pytestmark = pytest.mark.skipif(not is_here(), reason="needs Chromium and npm")
OPERATION = "/management/v4/{tenantId}/config/tokens"


def test_a_developer_reads_an_operation_and_tries_it(tmp_path: Path) -> None:
    with served(tmp_path, workers=1) as server, chromium() as browser, window(browser) as page:
        elsewhere: list[str] = []
        page.on("request", lambda asked: elsewhere.append(asked.url) if not asked.url.startswith(server.url) else None)
        page.set_default_timeout(120_000)  # the document is large, and a busy machine slow
        page.goto(server.url)
        keep(page, "front")
        page.click("a[href='/reference']")
        page.wait_for_selector(".opblock-tag")
        keep(page, "reference")
        assert problems(page, tmp_path, "body > header") == []
        try_it(page, server)
        keep(page, "reference-tried")
        assert [url for url in elsewhere if not url.startswith("data:")] == [], "nothing leaves the origin"


def try_it(page: Page, server: Served) -> None:
    """Signs in with a token, and reads the token settings of the tenant."""
    page.click("button.authorize")
    page.fill("#auth-bearer-value", server.token())
    page.click(".auth-container:has(#auth-bearer-value) button.authorize")
    page.click(".btn-done")
    page.fill(".operation-filter-input", OPERATION)
    page.locator(".opblock-tag").nth(1).wait_for(state="detached")
    page.click(".opblock-tag .expand-operation")
    block = page.locator(".opblock-get").first
    block.locator(".opblock-summary-control").click()
    block.locator("input[placeholder=tenantId]").fill(server.credentials["tenantId"])
    block.locator("button.execute").click()
    answer = block.locator(".live-responses-table")
    answer.wait_for()
    assert answer.locator(".response-col_status").nth(1).inner_text().split()[0] == "200", answer.inner_text()
    assert '"expires_in"' in answer.inner_text()
