"""What extensions of the second factor are told of the device and the application."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ostiary.login.second_factor.devices import application_type, device_type
from ostiary.oauth.clients.clients import CONFIDENTIAL, PUBLIC, ClientView
from ostiary.oauth.clients.mobile_apps import MOBILE, AppOnDevice

SERVER = ClientView("c", "app", CONFIDENTIAL, "", "", enabled=True, service_account=False)
PAGE = replace(SERVER, type=PUBLIC)
APP = replace(SERVER, type=MOBILE, app=AppOnDevice("", ""))
DESKTOP = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
PHONE = {"user-agent": "Mozilla/5.0 (Android 16; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"}


@pytest.mark.parametrize(
    ("client", "headers", "device", "application"),
    [
        (SERVER, DESKTOP, "web", "serverapp"),
        (PAGE, PHONE, "mobile", "browserapp"),
        (PAGE, {**PHONE, "sec-ch-ua-mobile": "?0"}, "web", "browserapp"),
        (SERVER, {**DESKTOP, "sec-ch-ua-mobile": "?1"}, "mobile", "serverapp"),
        (APP, DESKTOP, "mobile", "mobileapp"),
        (None, {}, "web", "serverapp"),
    ],
)
def test_device_and_application_are_named_as_documented(
    client: ClientView | None, headers: dict[str, str], device: str, application: str
) -> None:
    assert (device_type(client, headers), application_type(client)) == (device, application)
