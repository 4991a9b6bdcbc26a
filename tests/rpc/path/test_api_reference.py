"""The API reference, where the operator has switched it off."""

from __future__ import annotations

import base64

import grpc
import pytest
from kit.callers import Caller, refusal, serving

REFERENCE = "identity.openapi.v1.ReferenceService"
BROWSER = (("accept", "text/html"),)


def page(caller: Caller, method: str) -> bytes:
    return base64.b64decode(caller.ask(method, {}, metadata=BROWSER)["data"])


@pytest.mark.parametrize("served", [True, False])
def test_the_front_page_leads_there_unless_it_is_switched_off(shared_caller: Caller, served: bool) -> None:
    with serving(shared_caller.installation.with_settings(api_reference=served)) as caller:
        front = page(caller, "identity.openapi.v1.FrontPageService/GetFrontPage")
        assert (b'href="/reference"' in front, b"/account/" in front) == (served, True)
        if served:
            assert b"/reference/swagger-ui-bundle-" in page(caller, f"{REFERENCE}/GetReference")
            return
        for method, asked in (("GetReference", {}), ("GetReferenceFile", {"name": "swagger-ui.css"})):
            refused = refusal(lambda method=method, asked=asked: caller.ask(f"{REFERENCE}/{method}", asked))
            assert refused == (grpc.StatusCode.NOT_FOUND, "NO_API_REFERENCE")
