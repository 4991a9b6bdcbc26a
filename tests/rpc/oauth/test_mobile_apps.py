"""Mobile apps that register themselves, in the form of the vendor's SDKs for Android and iOS."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from kit.browser import CALLBACK, Browser
from kit.oauth import Application, Refused, Runtime, oauth_errors, refused

from ostiary.background.cleaner import clean
from ostiary.oauth.clients.clients import list_clients
from ostiary.oauth.clients.mobile_apps import UNUSED_MS
from ostiary.oauth.clients.mobile_registration import MOBILE_REGISTRATION
from ostiary_api.appid.management.v4 import mobile_registration_pb2, tokens_pb2
from ostiary_api.appid.oauth.v4 import mobile_apps_pb2 as pb
from ostiary_api.appid.oauth.v4 import mobile_apps_pb2_grpc

OWN_URI = "com.example.app:/mobile/callback"
REFRESHED = {"refresh": tokens_pb2.RefreshTokenConfig(enabled=True)}


def as_sent(number: int, *, java: bool) -> str:
    """A number as the SDK for Android encodes it, with the sign byte of Java and padding, or as RFC 7518 has it."""
    size = number.bit_length() // 8 + 1 if java else (number.bit_length() + 7) // 8
    text = base64.urlsafe_b64encode(number.to_bytes(size, "big")).decode()
    return text if java else text.rstrip("=")


@dataclass
class Phone:
    """A device with the key of its app."""

    runtime: Runtime
    bits: int = 2048

    def __post_init__(self) -> None:
        self.key = rsa.generate_private_key(65537, self.bits)

    def register(self, *, java: bool = True, **changes: Any) -> pb.MobileApp:
        public = self.key.public_key().public_numbers()
        key = {"kty": "RSA", "n": as_sent(public.n, java=java), "e": as_sent(public.e, java=java)}
        app = {
            "redirect_uris": [OWN_URI], "token_endpoint_auth_method": "client_secret_basic", "response_types": ["code"],
            "grant_types": ["authorization_code", "password"], "client_name": "An app", "client_type": "mobileapp",
            "software_id": "com.example.app", "software_version": "1.0", "device_id": "d1", "device_model": "M1",
            "device_os": "android", "jwks": {"keys": [key]}, **changes,
        }  # fmt: skip
        stub = mobile_apps_pb2_grpc.MobileAppsServiceStub(self.runtime.caller.channel)
        request = pb.RegisterMobileAppRequest(tenant_id=self.runtime.tenant_id, app=pb.MobileApp(**app))
        with oauth_errors():
            return stub.RegisterMobileApp(request, metadata=(("x-client-ip", "203.0.113.9"),))

    def application(self, client_id: str) -> Application:
        """The client with the password of Basic that the app sends."""
        signed = self.key.sign(client_id.encode(), padding.PKCS1v15(), hashes.SHA256())
        return Application(self.runtime.tenant_id, client_id, base64.b64encode(signed).decode())


@pytest.fixture
def phone(runtime: Runtime) -> Phone:
    switch(runtime)
    return Phone(runtime)


def switch(runtime: Runtime, *, on: bool = True) -> None:
    with runtime.made.runtime.store.write() as work:
        config = mobile_registration_pb2.MobileRegistrationConfig(is_active=on)
        MOBILE_REGISTRATION.replace(work, runtime.tenant_id, config, 1)


def test_an_app_registers_and_signs_people_in(runtime: Runtime, browser: Browser, phone: Phone) -> None:
    runtime.settings(**REFRESHED)
    made = phone.register()
    assert (list(made.redirect_uris), made.client_type, made.client_name) == ([OWN_URI], "mobileapp", "An app")
    app = phone.application(made.client_id)
    code = browser.sign_in(app, redirect_uri=OWN_URI)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": OWN_URI, "client_id": app.id}
    tokens = runtime.token(form, app.basic)
    said = runtime.verified(tokens["id_token"])[1]["oauth_client"]
    assert said == {
        "name": "An app", "type": "mobileapp", "software_id": "com.example.app", "software_version": "1.0",
        "device_id": "d1", "device_model": "M1", "device_os": "android",
    }  # fmt: skip
    assert runtime.refresh(app, tokens["refresh_token"])["access_token"]
    assert runtime.userinfo(runtime.sign_in(app)["access_token"])["sub"]
    with runtime.made.runtime.store.read() as work:
        tenant = runtime.made.runtime.tenancy.find(work, runtime.tenant_id)
        assert tenant
        assert app.id not in [client.id for client in list_clients(work, tenant)]


def test_only_the_app_itself_gets_tokens_and_only_those_of_people(
    runtime: Runtime, browser: Browser, phone: Phone
) -> None:
    app = phone.application(phone.register(java=False).client_id)
    other = Phone(runtime).application(app.id)
    browser.register(CALLBACK)
    with refused("invalid_client"):
        runtime.sign_in(other)
    with refused("invalid_client"):
        runtime.sign_in(Application(app.tenant_id, app.id, "no signature"))
    with refused("unauthorized_client"):
        runtime.token({"grant_type": "client_credentials"}, app.basic)
    with refused("invalid_client"):
        runtime.introspect({"token": "x"}, app.basic)
    assert browser.authorize(app, redirect_uri=CALLBACK).status == 400, "the tenant's own URIs are not the app's"


def test_where_it_is_off_nobody_registers_and_those_who_have_are_out(runtime: Runtime, phone: Phone) -> None:
    runtime.user()
    app = phone.application(phone.register().client_id)
    token = runtime.sign_in(app)["access_token"]
    switch(runtime, on=False)
    with pytest.raises(Refused) as off:
        phone.register()
    assert off.value.reason == "MOBILE_REGISTRATION_OFF"
    with refused("invalid_client"):
        runtime.sign_in(app)
    with pytest.raises(Refused):
        runtime.userinfo(token)


def test_what_is_no_app_is_refused(runtime: Runtime, phone: Phone) -> None:
    for changes, error in (
        ({"redirect_uris": ["https://example.com/callback"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["com.example.app:/*"]}, "invalid_redirect_uri"),
        ({"jwks": {"keys": [{"kty": "EC", "n": "AQAB", "e": "AQAB"}]}}, "invalid_client_metadata"),
        ({"jwks": {"keys": [{"kty": "RSA", "n": "no number", "e": "AQAB"}]}}, "invalid_client_metadata"),
    ):
        with refused(error):
            phone.register(**changes)


def test_registrations_from_one_address_are_counted(runtime: Runtime, phone: Phone) -> None:
    for _ in range(20):
        phone.register()
    with pytest.raises(Refused) as many:
        phone.register()
    assert many.value.reason == "TOO_MANY_REQUESTS"


def test_an_app_that_nobody_uses_is_forgotten(runtime: Runtime, phone: Phone) -> None:
    runtime.user()
    unused, used = (phone.application(phone.register().client_id) for _ in range(2))
    made = runtime.made
    made.clock.advance(UNUSED_MS)
    runtime.settings(**REFRESHED)
    runtime.sign_in(used)
    clean(made.runtime.store, made.clock, 0)
    assert runtime.sign_in(used)
    with refused("invalid_client"):
        runtime.sign_in(unused)
