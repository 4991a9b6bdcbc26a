"""The second factor as a tenant configures it, and what acts of it now."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from kit.accounts.people import PASSWORD, new_person
from kit.accounts.signing_in import sign_in
from kit.audited import audited, changes
from kit.callers import Caller, refusal, serving
from kit.oauth import Runtime
from kit.servers.installation import Installation, install
from kit.servers.web import answering, site
from sqlalchemy import select

from ostiary.errors import DomainError
from ostiary.store.tables import SettingDocument, SettingSecret, table_of
from ostiary.store.tenancy import fresh_view

Json = dict[str, Any]
SERVICE = "identity.appid.management.v4.MfaService"
INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
VONAGE: Json = {"key": "planted-key", "secret": "planted-secret", "from": "12345678", "provider": "nexmo"}


class Mfa:
    """The second factor of one tenant, over the wire."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    def ask(self, method: str, body: Json | None = None, role: str = "writer") -> Json:
        tenant_id = self.caller.installation.tenant_id
        return self.caller.ask(f"{SERVICE}/{method}", {"tenantId": tenant_id, **(body or {})}, role)

    def channels(self, role: str = "writer") -> list[Json]:
        found: list[Json] = self.ask("ListMfaChannels", role=role)["channels"]
        return found

    def put_channel(self, name: str, **config: Any) -> Json:
        return self.ask("PutMfaChannel", {"channel": name, "config": config})

    def put_extension(self, name: str, **extension: Any) -> Json:
        return self.ask("PutMfaExtension", {"name": name, "extension": extension})

    def test(self, name: str) -> Json:
        found: Json = json.loads(base64.b64decode(self.ask("TestMfaExtension", {"name": name})["data"]))
        return found

    def events(self) -> list[str]:
        return [action for action, _ in changes(self.caller.installation)]


@pytest.fixture
def mfa(caller: Caller) -> Mfa:
    return Mfa(caller)


EMAIL_ON, EMAIL_OFF = ({"type": "email", "isActive": value} for value in (True, False))


def test_one_of_the_two_channels_is_always_on(mfa: Mfa) -> None:
    assert mfa.channels("reader") == [EMAIL_ON, {"type": "sms", "isActive": False}]
    assert mfa.put_channel("nexmo", isActive=True, config=VONAGE) == {"type": "sms", "isActive": True, "config": VONAGE}
    assert mfa.channels() == [EMAIL_OFF, {"type": "sms", "isActive": True, "config": VONAGE}]
    assert mfa.put_channel("nexmo", isActive=False) == {"type": "sms", "isActive": False, "config": VONAGE}
    assert mfa.ask("GetMfaChannel", {"channel": "email"}, "reader") == EMAIL_ON
    assert mfa.put_channel("email", isActive=False) == EMAIL_OFF
    assert mfa.ask("GetMfaChannel", {"channel": "nexmo"})["isActive"]
    assert mfa.put_channel("email", isActive=True) == EMAIL_ON
    assert mfa.channels()[1] == {"type": "sms", "isActive": False, "config": VONAGE}
    assert mfa.events() == ["appid.mfa-channel.update"] * 4


@pytest.mark.parametrize(
    ("channel", "config", "reason"),
    [
        ("email", {"isActive": False}, "CHANNEL_NOT_CONFIGURED"),
        ("nexmo", {"isActive": True}, "CHANNEL_NOT_CONFIGURED"),
        ("email", {}, "IS_ACTIVE_MISSING"),
        ("nexmo", {"config": VONAGE}, "IS_ACTIVE_MISSING"),
        *(("nexmo", {"isActive": active, "config": {k: v for k, v in VONAGE.items() if k != name}}, "FIELD_MISSING")
          for name in ("key", "secret", "from") for active in (True, False)),
        *(("nexmo", {"isActive": True, "config": {**VONAGE, "from": sender}}, "INVALID_SENDER")
          for sender in ("", " ", "x" * 21, "a\nb", True, -1, 1.5, 1e300, [], {}, None)),
        ("nexmo", {"isActive": True, "config": {**VONAGE, "key": ""}}, "INVALID_NAME"),
        ("nexmo", {"isActive": True, "config": {**VONAGE, "secret": "x" * 201}}, "INVALID_NAME"),
        ("nexmo", {"isActive": True, "config": {**VONAGE, "provider": "twilio"}}, "INVALID_PROVIDER"),
    ],
)  # fmt: skip
def test_a_channel_that_could_not_work_is_refused(mfa: Mfa, channel: str, config: Json, reason: str) -> None:
    assert refusal(lambda: mfa.put_channel(channel, **config)) == (INVALID, reason)
    assert mfa.channels() == [EMAIL_ON, {"type": "sms", "isActive": False}]


def test_a_sender_is_a_number_or_a_name_and_there_are_no_other_channels(mfa: Mfa) -> None:
    for sender, shown in ((1234567890, "1234567890"), ("ACME", "ACME"), ("x" * 20, "x" * 20)):
        answer = mfa.put_channel("nexmo", isActive=False, config={**VONAGE, "from": sender})
        assert answer["config"]["from"] == shown
    for name in ("sms", "totp", "", "Email"):
        assert refusal(lambda name=name: mfa.put_channel(name, isActive=True)) == (NOT_FOUND, "CHANNEL_NOT_FOUND")
        asked = refusal(lambda name=name: mfa.ask("GetMfaChannel", {"channel": name}))
        assert asked == (NOT_FOUND, "CHANNEL_NOT_FOUND")


@pytest.mark.own_installation
def test_secrets_are_sealed_and_shown_to_writers_only(mfa: Mfa) -> None:
    headers = {"authorization": "Bearer planted-secret"}
    mfa.put_channel("nexmo", isActive=True, config=VONAGE)
    mfa.put_extension("premfa", isActive=False, config={"url": "https://hook.example/x", "headers": headers})
    assert mfa.channels("reader")[1]["config"] == {key: VONAGE[key] for key in ("from", "provider")}
    assert mfa.ask("GetMfaExtension", {"name": "premfa"}, "reader")["config"] == {
        "url": "https://hook.example/x", "headers": {},
    }  # fmt: skip
    assert mfa.ask("GetMfaExtension", {"name": "premfa"})["config"]["headers"] == headers
    with mfa.caller.installation.runtime.store.read() as work:
        found = [bytes(row[0]) for row in work.rows(select(table_of(SettingDocument).c.document))]
        found += [row[0].encode() for row in work.rows(select(table_of(SettingSecret).c.sealed_value))]
    assert len(found) == 5
    assert not any(b"planted" in one for one in found)


@pytest.mark.own_installation
def test_an_extension_is_stored_then_switched_and_forgotten(mfa: Mfa) -> None:
    assert mfa.ask("GetMfaExtension", {"name": "premfa"}, "reader") == {"isActive": False}
    stored = {"isActive": False, "config": {"url": "https://hook.example/x", "headers": {"x-key": "k"}}}
    assert mfa.put_extension("premfa", **stored) == stored
    switch = {"name": "premfa", "active": {"isActive": True}}
    assert mfa.ask("PutMfaExtensionActive", switch) == {"isActive": True}
    assert mfa.ask("GetMfaExtension", {"name": "premfa"}) == {**stored, "isActive": True}
    assert mfa.ask("GetMfaExtension", {"name": "postmfa"}) == {"isActive": False}
    assert mfa.put_extension("premfa", isActive=False) == {"isActive": False}
    assert refusal(lambda: mfa.ask("PutMfaExtensionActive", switch)) == (INVALID, "URL_MISSING")
    assert mfa.events() == [
        "appid.mfa-extension-premfa.update", "appid.is-mfa-extension-active.update",
        "appid.mfa-extension-premfa.update",
    ]  # fmt: skip


@pytest.mark.own_installation
@pytest.mark.parametrize(
    ("extension", "reason"),
    [
        ({}, "IS_ACTIVE_MISSING"),
        ({"isActive": True}, "URL_MISSING"),
        ({"isActive": False, "config": {"url": "http://169.254.169.254/latest"}}, "OUTGOING_REFUSED"),
        ({"isActive": False, "config": {"url": "http://127.0.0.1:8080/"}}, "OUTGOING_REFUSED"),
        *(({"isActive": False, "config": {"url": url}}, "INVALID_URL")
          for url in ("hook.example", "ftp://hook.example", "https://u:p@hook.example", "javascript:alert(1)")),
        *(({"isActive": False, "config": {"url": "https://hook.example", "headers": headers}}, "INVALID_HEADER")
          for headers in ({"a b": "x"}, {"a": "x\r\ny: z"}, {"Host": "x"}, {"content-length": "1"}, {"a": "é"},
                          {"": "x"}, {"a": "x" * 4_097}, {"a": "1", "A": "2"}, {f"h{n}": "x" for n in range(21)})),
    ],
)  # fmt: skip
def test_an_extension_that_must_not_be_called_is_refused(mfa: Mfa, extension: Json, reason: str) -> None:
    assert refusal(lambda: mfa.put_extension("premfa", **extension)) == (INVALID, reason)
    assert mfa.ask("GetMfaExtension", {"name": "premfa"}) == {"isActive": False}
    assert not mfa.events()


def test_there_are_no_other_extensions(mfa: Mfa) -> None:
    for method, body in (
        ("GetMfaExtension", {}), ("PutMfaExtension", {"extension": {"isActive": False}}),
        ("PutMfaExtensionActive", {"active": {"isActive": False}}), ("TestMfaExtension", {}),
    ):  # fmt: skip
        asked = refusal(lambda method=method, body=body: mfa.ask(method, {"name": "other", **body}))
        assert asked == (INVALID, "INVALID_EXTENSION")


@pytest.mark.own_installation
def test_a_refused_extension_is_audited_by_its_name_if_there_is_one_of_it(mfa: Mfa) -> None:
    for name in ("premfa", "postmfa", "other"):
        assert refusal(lambda name=name: mfa.put_extension(name, isActive=True))[0] is INVALID
    put = mfa.caller.channel.unary_unary(f"/{SERVICE}/PutMfaExtension")
    token = f"Bearer {mfa.caller.token(mfa.caller.installation.api_keys['writer'])}"
    no_text = b"\x12\x01\xff"
    assert refusal(lambda: put(no_text, metadata=[("authorization", token)]))[1] == "MALFORMED_REQUEST"
    refused = [row.action for row in audited(mfa.caller.installation) if row.outcome == "failure"]
    assert refused == [f"appid.mfa-extension-{name}.update" for name in ("premfa", "postmfa", "unknown", "unknown")]


@pytest.fixture
def reaching(tmp_path: Any, database: str) -> Iterator[Mfa]:
    """An installation whose operator lets calls reach one loopback address."""
    made: Installation = install(database, tmp_path, outgoing_allow="127.0.0.1/32")
    with serving(made) as caller:
        yield Mfa(caller)


@pytest.mark.parametrize("name", ["premfa", "postmfa"])
def test_the_test_calls_with_a_signed_jws_and_tells_what_was_answered(reaching: Mfa, name: str) -> None:
    with site(answering(201, b'{"skipMfa": true}', content_type="application/json")) as made:
        headers = {"authorization": "Bearer x"}
        reaching.put_extension(name, isActive=False, config={"url": f"{made.url}/hook", "headers": headers})
        report = reaching.test(name)
    assert (report["statusCode"], report["responseBody"]) == (201, {"skipMfa": True})
    assert report["responseHeaders"]["content-type"] == "application/json"
    assert report["headers"] == report["responseHeaders"]
    (request,) = made.received
    assert (request.method, request.path, request.headers["authorization"]) == ("POST", "/hook", "Bearer x")
    assert request.headers["content-type"] == "application/json"
    (token,) = json.loads(request.body).values()
    header, claims = Runtime(reaching.caller).verified(token)
    assert (header["alg"], header["typ"]) == ("RS256", "appid-mfa-extension+jwt")
    assert (claims["tenant_id"], claims["extension"]) == (reaching.caller.installation.tenant_id, name)
    assert ("status" in claims) == (name == "postmfa")
    assert {"correlation_id", "device_type", "source_ip", "client_id", "user_id", "username"} <= set(claims)
    assert reaching.events()[-1] == "appid.mfa-extension-test.send"


def test_what_an_extension_answers_is_cut_off_and_needs_not_be_json(reaching: Mfa) -> None:
    for body, shown in (
        (b"<html>" + b"x" * 5_000, {"text": ("<html>" + "x" * 5_000)[:1_000]}), (b"", {"text": ""}),
        (b"[1]", {"text": "[1]"}), (b'{"a": NaN}', {"text": '{"a": NaN}'}), (b"\xff", {"text": "\ufffd"}),
    ):  # fmt: skip
        with site(answering(500, body, x_long="h" * 3_000)) as made:
            reaching.put_extension("premfa", isActive=False, config={"url": made.url})
            report = reaching.test("premfa")
        assert (report["statusCode"], report["responseBody"]) == (500, shown)
        assert report["responseHeaders"]["x-long"] == "h" * 1_000


def test_a_test_that_reaches_nobody_says_why_and_no_more(reaching: Mfa) -> None:
    assert refusal(lambda: reaching.test("premfa")) == (INVALID, "URL_MISSING")
    with site(answering(302, location="http://127.0.0.2/")) as made:
        reaching.put_extension("premfa", isActive=False, config={"url": made.url})
        assert refusal(lambda: reaching.test("premfa")) == (INVALID, "OUTGOING_REFUSED")
    assert refusal(lambda: reaching.test("premfa")) == (INVALID, "OUTGOING_UNREACHABLE")
    assert reaching.events() == ["appid.mfa-extension-premfa.update"], "what was not called is not recorded as called"


def test_with_the_second_factor_on_a_password_alone_opens_nothing_at_the_platform(mfa: Mfa) -> None:
    made = mfa.caller.installation
    new_person(made, made.tenant_id, "ann", "org_member")

    def tried(*, platform: bool) -> str:
        with made.runtime.store.read() as work:
            tenant = fresh_view(work, made.tenant_id)
        assert tenant is not None
        try:
            sign_in(made.runtime, tenant, "ann@example.com", PASSWORD, platform=platform)
        except DomainError as refused:
            return refused.reason
        return "in"

    assert tried(platform=True) == "in"
    mfa.ask("PutMfaConfig", {"config": {"isActive": True}})
    assert tried(platform=True) == "SECOND_FACTOR_REQUIRED"
    assert tried(platform=False) == "in", "the password grant never asks"
