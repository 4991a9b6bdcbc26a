"""What mails say, who sends and who delivers them, and where their links end."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import grpc
import pytest
from kit.accounts.directory import INVALID, LIMITED, MANAGEMENT, NOT_FOUND, People, body
from kit.callers import Caller, refusal, serving
from kit.servers.installation import Installation
from kit.servers.post import Post, post_of
from sqlalchemy import select

from ostiary.delivery.texts.templates import NAMES
from ostiary.keys.rewrap import sealed_columns
from ostiary.store.tables import SettingDocument, SettingSecret, table_of

Json = dict[str, Any]
TEXT = {
    "subject": "Verify Your Email for %{user.displayName}", "html_body": "<p>Hé %{verify.link}</p>",
    "base64_encoded_html_body": base64.b64encode("<p>Hé %{verify.link}</p>".encode()).decode(),
    "plain_text_body": "Hé %{verify.link}",
}  # fmt: skip


def template(people: People, verb: str, name: str = "WELCOME", language: str = "en", **body: Any) -> Json:
    return people.manage(f"TemplatesService/{verb}Template", templateName=name, language=language, **body)


@pytest.mark.parametrize("name", NAMES)
def test_a_text_is_the_built_in_one_until_another_is_put_and_again_when_that_is_deleted(
    people: People, name: str
) -> None:
    built_in = template(people, "Get", name)
    assert set(built_in) == {"subject", "html_body", "base64_encoded_html_body", "plain_text_body"}
    assert template(people, "Put", name, template=TEXT) == TEXT
    assert template(people, "Get", name) == TEXT
    assert template(people, "Put", name, template={**TEXT, "subject": "New"})["subject"] == "New"
    others = {other: template(people, "Get", other)["subject"] for other in NAMES if other != name}
    assert "New" not in others.values()
    assert template(People(people.caller), "Get", name) == built_in, "one tenant's texts are not another's"
    assert template(people, "Delete", name) == {}
    assert template(people, "Get", name) == built_in
    assert refusal(partial(template, people, "Delete", name)) == (NOT_FOUND, "TEMPLATE_NOT_FOUND")
    assert [action for action, _ in people.audited()] == [
        "appid.email-template.update", "appid.email-template.update", "appid.email-template.delete"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"subject": "S", "base64_encoded_html_body": "PGI+", "html_body": "lost"},
         {"subject": "S", "html_body": "<b>", "base64_encoded_html_body": "PGI+"}),
        ({"subject": "S", "base64_encoded_html_body": "PG\r\nI+\n"},
         {"subject": "S", "html_body": "<b>", "base64_encoded_html_body": "PGI+"}),
        ({"subject": "S", "html_body": "<i>"},
         {"subject": "S", "html_body": "<i>", "base64_encoded_html_body": "PGk+"}),
        ({"subject": " S ", "plain_text_body": "t", "unheard": 1}, {"subject": "S", "plain_text_body": "t"}),
    ],
)  # fmt: skip
def test_either_form_of_the_html_is_enough_and_base64_wins(people: People, sent: Json, stored: Json) -> None:
    sent.pop("unheard", None)
    assert template(people, "Put", template=sent) == stored
    assert template(people, "Get") == stored


def test_a_text_without_a_body_keeps_the_built_in_ones(people: People) -> None:
    built_in = template(people, "Get")
    assert template(people, "Put", template={"subject": "Mine"}) == {**built_in, "subject": "Mine"}


@pytest.mark.parametrize(
    ("place", "text", "reason"),
    [
        ({"name": "FAREWELL"}, TEXT, "UNKNOWN_TEMPLATE"),
        ({"name": "welcome"}, TEXT, "UNKNOWN_TEMPLATE"),
        ({"language": "xx"}, TEXT, "LANGUAGE_NOT_ENABLED"),
        ({"language": "EN"}, TEXT, "LANGUAGE_NOT_ENABLED"),
        ({}, {}, "SUBJECT_MISSING"),
        ({}, {"subject": "  "}, "SUBJECT_MISSING"),
        ({}, {"subject": "s" * 1_001}, "SUBJECT_TOO_LONG"),
        ({}, {"subject": "s", "html_body": "b" * 200_001}, "BODY_TOO_LONG"),
        ({}, {"subject": "s", "plain_text_body": "b" * 200_001}, "BODY_TOO_LONG"),
        ({}, {"subject": "s", "base64_encoded_html_body": "%%"}, "INVALID_BASE64"),
        ({}, {"subject": "s", "base64_encoded_html_body": base64.b64encode(b"\xff").decode()}, "INVALID_BASE64"),
        ({}, {"subject": "s", "html_body": "\0"}, "INVALID_TEXT"),
    ],
)
def test_a_bad_text_is_refused(people: People, place: Json, text: Json, reason: str) -> None:
    before = template(people, "Get")
    assert refusal(partial(template, people, "Put", template=text, **place)) == (INVALID, reason)
    assert template(people, "Get") == before


def action_url(people: People, verb: str, action: str = "on_user_verified", **body: Any) -> Json:
    return people.manage(f"ActionUrlsService/{verb}ActionUrl", action=action, **body)


PAGE = "https://example.com/thanks?from=mail"


@pytest.mark.parametrize(
    "form", [body({"actionUrl": PAGE, "other": 1}), body(f"actionUrl={PAGE}", "application/x-www-form-urlencoded")]
)
def test_a_page_is_set_by_json_and_by_form_listed_and_dropped(people: People, form: Json) -> None:
    assert refusal(partial(action_url, people, "Get")) == (NOT_FOUND, "ACTION_URL_NOT_FOUND")
    assert action_url(people, "Put", form=form) == {"actionUrl": PAGE}
    assert action_url(people, "Get") == {"actionUrl": PAGE}
    assert action_url(people, "Put", "on_reset_password", form=body({"actionUrl": "http://a.example"}))
    listed = people.manage("ActionUrlsService/ListActionUrls")
    assert listed == {"on_user_verified": PAGE, "on_reset_password": "http://a.example"}
    assert action_url(people, "Delete") == {}
    assert people.manage("ActionUrlsService/ListActionUrls") == {"on_reset_password": "http://a.example"}
    assert refusal(partial(action_url, people, "Delete")) == (NOT_FOUND, "ACTION_URL_NOT_FOUND")
    assert refusal(partial(action_url, people, "Get")) == (NOT_FOUND, "ACTION_URL_NOT_FOUND")


@pytest.mark.parametrize(
    "url",
    [
        "example.com", "/thanks", "javascript:alert(1)", "data:text/html,x", "ftp://a.example", "https://",
        "https://u@a.b", "https://a.example/#x", "https://a.example/\r\nx: y", "https://a.example/ x",
        f"https://a.example/{'x' * 2_000}",
    ],
)  # fmt: skip
def test_a_page_is_an_absolute_address_of_the_web(people: People, url: str) -> None:
    assert refusal(lambda: action_url(people, "Put", form=body({"actionUrl": url}))) == (INVALID, "INVALID_ACTION_URL")


def test_an_unknown_action_and_a_missing_page_are_refused(people: People) -> None:
    for verb in ("Get", "Put", "Delete"):
        given = {"form": body({"actionUrl": PAGE})} if verb == "Put" else {}
        assert refusal(partial(action_url, people, verb, "on_leave", **given)) == (INVALID, "UNKNOWN_ACTION")
    assert refusal(lambda: action_url(people, "Put", form=body({}))) == (INVALID, "MISSING_FIELD")
    assert refusal(lambda: action_url(people, "Put", form=body("[]"))) == (INVALID, "MALFORMED_BODY")
    assert refusal(lambda: action_url(people, "Put", form=body({"actionUrl": 1}))) == (INVALID, "MALFORMED_BODY")


SENDGRID = {"apiKey": "SG.s3cret"}
BASIC = {"type": "basic", "username": "joe", "password": "pa55"}
CUSTOM = {"url": "https://mail.example/send", "authorization": BASIC}
VALUE = {"type": "value", "value": "Bearer t0ken"}


def dispatcher(people: People, verb: str, **body: Any) -> Json:
    return people.manage(f"EmailDispatcherService/{verb}EmailDispatcher", **body)


def test_secrets_of_a_dispatcher_are_shown_to_who_may_change_it_and_nowhere_in_the_clear(people: People) -> None:
    reader = People.__new__(People)
    reader.__dict__.update(people.__dict__)
    token = people.caller.token(people.made.new_api_key(people.tenant_id, "reader"))
    reader.credentials = {"metadata": (("authorization", f"Bearer {token}"),), "timeout": 20}
    assert dispatcher(people, "Get") == {"provider": "appid"}
    document = {"provider": "sendgrid", "sendgrid": SENDGRID, "custom": CUSTOM}
    assert dispatcher(people, "Put", config=document) == document
    assert dispatcher(people, "Get") == document
    bare = {"provider": "sendgrid", "sendgrid": {}}
    bare["custom"] = {**CUSTOM, "authorization": {"type": "basic", "username": "joe"}}
    assert dispatcher(reader, "Get") == bare
    with people.made.runtime.store.read() as work:
        documents, secrets = table_of(SettingDocument), table_of(SettingSecret)
        stored = [row.document for row in work.rows(select(documents).where(documents.c.tenant_id == people.tenant_id))]
        sealed = [row.sealed_value for row in work.rows(select(secrets).where(secrets.c.tenant_id == people.tenant_id))]
    assert len(sealed) == 2
    assert not [secret for secret in ("SG.s3cret", "pa55") if secret.encode() in b"".join(stored)]
    changed = {"provider": "custom", "custom": {**CUSTOM, "authorization": VALUE}}
    assert dispatcher(people, "Put", config=changed) == changed
    assert dispatcher(people, "Get") == changed, "what a document lacks is forgotten, secrets too"
    assert dispatcher(people, "Put", config={"provider": "appid"}) == {"provider": "appid"}
    assert dispatcher(people, "Get") == {"provider": "appid"}


def test_changing_the_master_key_finds_the_secrets_of_settings() -> None:
    assert "setting_secrets" in {table.name for table, _ in sealed_columns()}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "INVALID_PROVIDER"),
        ({"provider": "smtp"}, "INVALID_PROVIDER"),
        ({"provider": "sendgrid"}, "SENDGRID_MISSING"),
        ({"provider": "sendgrid", "sendgrid": {}}, "API_KEY_MISSING"),
        ({"provider": "appid", "sendgrid": {"apiKey": ""}}, "API_KEY_MISSING"),
        ({"provider": "sendgrid", "sendgrid": {"apiKey": "a\r\nb"}}, "API_KEY_MISSING"),
        ({"provider": "custom"}, "CUSTOM_MISSING"),
        ({"provider": "custom", "custom": {}}, "INVALID_URL"),
        ({"provider": "custom", "custom": {"url": "https://mail.example"}}, "INVALID_AUTHORIZATION"),
        *(
            ({"provider": "custom", "custom": {**CUSTOM, "authorization": authorization}}, "INVALID_AUTHORIZATION")
            for authorization in (
                {"type": "digest"}, {"type": "value"}, {"type": "basic", "username": "u"},
                {"type": "value", "value": "é"},
                {"type": "basic", "password": "p"}, {"type": "basic", "username": "u:v", "password": "p"},
                {"type": "value", "value": "x\r\ny: z"},
            )
        ),
        *(
            ({"provider": "custom", "custom": {**CUSTOM, "url": url}}, reason)
            for url, reason in (
                ("mail.example", "INVALID_URL"), ("ftp://mail.example", "INVALID_URL"),
                ("https://u:p@mail.example", "INVALID_URL"), ("http://127.0.0.1/send", "OUTGOING_REFUSED"),
                ("https://10.0.0.1/send", "OUTGOING_REFUSED"),
            )
        ),
    ],
)  # fmt: skip
def test_a_dispatcher_that_could_not_work_is_refused(people: People, document: Json, reason: str) -> None:
    assert refusal(partial(dispatcher, people, "Put", config=document)) == (INVALID, reason)
    assert dispatcher(people, "Get") == {"provider": "appid"}


@pytest.fixture
def trial(installation: Installation) -> Iterator[tuple[Post, Caller]]:
    with post_of(installation) as post, serving(post.made) as caller:
        yield post, caller


def settings_test(caller: Caller, provider: Json, **changed: Any) -> Json:
    test = {
        "emailTo": "jane@example.com", "emailSettings": provider,
        "senderDetails": {"from": {"email": "me@example.com", "name": "Me"}, "reply_to": {"email": "you@example.com"}},
    }  # fmt: skip
    return caller.ask(
        f"{MANAGEMENT}.EmailDispatcherService/TestEmailSettings",
        {"tenantId": caller.installation.tenant_id, "test": {**test, **changed}},
    )  # fmt: skip


def dispatcher_test(caller: Caller, email: str = "jane@example.com") -> Json:
    return caller.ask(
        f"{MANAGEMENT}.EmailDispatcherService/TestEmailDispatcher",
        {"tenantId": caller.installation.tenant_id, "form": body({"email": email})},
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["sendgrid", "custom"])
def test_the_settings_of_the_request_are_tried_out_and_the_answer_is_told(
    trial: tuple[Post, Caller], kind: str
) -> None:
    post, caller = trial
    custom = {"url": f"{post.web.url}/send", "authorization": VALUE}
    provider = {"provider": kind, "sendgrid": SENDGRID, "custom": custom}
    assert settings_test(caller, provider) == {"success": True, "dispatcherStatusCode": 202}
    post.answers.status, post.answers.body = 401, b'{"errors": [{"message": "bad key"}]}'
    refused = {"success": False, "dispatcherStatusCode": 401}
    assert settings_test(caller, provider) == {
        **refused, "dispatcherResponse": {"errors": [{"message": "bad key"}]}
    }  # fmt: skip
    post.answers.body = b"<no>\xff"
    assert settings_test(caller, provider) == {**refused, "dispatcherResponse": "<no>\ufffd"}
    assert len(post.web.received) == 3
    sent = post.web.received[0]
    assert sent.headers["authorization"] == ("Bearer SG.s3cret" if kind == "sendgrid" else "Bearer t0ken")
    assert dispatcher_test(caller)["statusCode"] == 202, "the stored settings are others"
    assert len(post.smtp.delivered) == 1


def test_who_cannot_be_reached_is_told_too(trial: tuple[Post, Caller]) -> None:
    post, caller = trial
    custom = {"url": "https://127.0.0.1:1/send", "authorization": {"type": "none"}}
    answer = settings_test(caller, {"provider": "custom", "custom": custom})
    assert (answer["success"], answer["dispatcherStatusCode"]) == (False, 502)
    custom["url"] = "https://192.168.0.1/send"
    answer = settings_test(caller, {"provider": "custom", "custom": custom})
    assert (answer["success"], answer["dispatcherStatusCode"]) == (False, 502)
    assert "192.168" not in json.dumps(answer)
    assert not post.web.received


def test_the_stored_dispatcher_is_tried_out_and_its_headers_are_told(trial: tuple[Post, Caller]) -> None:
    post, caller = trial
    post.custom(**VALUE)
    post.answers.status, post.answers.headers = 400, {"x-served-by": "nginx", "x-long": "x" * 2_000}
    answer = dispatcher_test(caller)
    assert answer["statusCode"] == 400
    assert (answer["headers"]["x-served-by"], len(answer["headers"]["x-long"])) == ("nginx", 1_000)
    (request,) = post.web.received
    assert request.headers["authorization"] == "Bearer t0ken"
    post.smtp.answer = "554 no"
    post.dispatch_by({"provider": "appid"})
    assert dispatcher_test(caller)["statusCode"] == 502


def test_tests_count_like_every_message(trial: tuple[Post, Caller]) -> None:
    _, caller = trial
    for _ in range(10):
        dispatcher_test(caller)
    assert refusal(partial(dispatcher_test, caller, "Jane@EXAMPLE.com")) == (LIMITED, "TOO_MANY_MESSAGES")


@pytest.mark.parametrize(
    ("provider", "changed", "reason"),
    [
        ({"provider": "appid"}, {}, "INVALID_PROVIDER"),
        ({}, {}, "INVALID_PROVIDER"),
        ({"provider": "sendgrid"}, {}, "SENDGRID_MISSING"),
        ({"provider": "sendgrid", "sendgrid": SENDGRID}, {"emailTo": "jane"}, "INVALID_EMAIL"),
        ({"provider": "sendgrid", "sendgrid": SENDGRID}, {"senderDetails": {}}, "SENDER_MISSING"),
        ({"provider": "sendgrid", "sendgrid": SENDGRID}, {"senderDetails": {"from": {"email": "x"}}}, "INVALID_EMAIL"),
    ],
)
def test_a_test_without_what_it_needs_is_refused(
    trial: tuple[Post, Caller], provider: Json, changed: Json, reason: str
) -> None:
    _, caller = trial
    assert refusal(partial(settings_test, caller, provider, **changed)) == (INVALID, reason)
    assert refusal(partial(dispatcher_test, caller, "jane")) == (INVALID, "INVALID_EMAIL")


def sms_test(caller: Caller, number: str = "+1-415-555-0123") -> Json:
    return caller.ask(
        f"{MANAGEMENT}.SmsDispatcherService/TestSmsDispatcher",
        {"tenantId": caller.installation.tenant_id, "test": {"phone_number": number}},
    )  # fmt: skip


def put_channel(caller: Caller) -> None:
    config = {"key": "k3y", "secret": "s3cret", "from": "Acme"}
    caller.ask(
        f"{MANAGEMENT}.MfaService/PutMfaChannel",
        {"tenantId": caller.installation.tenant_id, "channel": "nexmo", "config": {"isActive": True, "config": config}},
    )  # fmt: skip


def test_a_code_is_sent_by_the_tenants_account_and_told(trial: tuple[Post, Caller]) -> None:
    post, caller = trial
    assert refusal(partial(sms_test, caller)) == (INVALID, "SMS_NOT_CONFIGURED")
    put_channel(caller)
    post.answers.status, post.answers.body = 200, b'{"message-count": "1", "messages": [{"status": "0"}]}'
    answer = sms_test(caller)
    assert answer["phoneNumber"] == "+1-415-555-0123"
    assert 100_000 <= answer["confirmationCode"] <= 999_999
    (request,) = post.web.received
    assert request.path == "/sms/json"
    sent = dict(parse_qsl(request.body.decode()))
    sent.pop("client-ref")
    assert sent == {
        "api_key": "k3y", "api_secret": "s3cret", "from": "Acme", "to": "14155550123",
        "text": f"{answer['confirmationCode']} is your confirmation code.",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, b'{"messages": [{"status": "4", "error-text": "Bad Credentials"}]}', "4 Bad Credentials"),
        (200, b'{"messages": []}', "no message was sent"),
        (200, b"<html>", "something else"),
        (200, b'{"messages": 1}', "something else"),
        (401, b"no\r\nway", "no way"),
    ],
)
def test_what_vonage_refuses_is_told(trial: tuple[Post, Caller], status: int, body: bytes, told: str) -> None:
    post, caller = trial
    put_channel(caller)
    post.answers.status, post.answers.body = status, body
    with pytest.raises(grpc.RpcError) as refused:
        sms_test(caller)
    assert told in refused.value.details()
    assert refusal(partial(sms_test, caller)) == (INVALID, "SMS_NOT_SENT")


@pytest.mark.parametrize("number", ["", "4155550123", "+", "+0123456789", "+1415", "+1415555012345678", "+1415abc0123"])
def test_a_number_has_a_country_code(trial: tuple[Post, Caller], number: str) -> None:
    _, caller = trial
    assert refusal(partial(sms_test, caller, number)) == (INVALID, "INVALID_PHONE_NUMBER")


def test_text_messages_to_one_number_are_capped_however_it_is_written(trial: tuple[Post, Caller]) -> None:
    post, caller = trial
    put_channel(caller)
    post.answers.status, post.answers.body = 200, b'{"messages": [{"status": "0"}]}'
    for place in range(10):
        sms_test(caller, "+14155550123" if place % 2 else "+1 (415) 555-0123")
    assert refusal(partial(sms_test, caller)) == (LIMITED, "TOO_MANY_MESSAGES")
    assert len(post.web.received) == 10


def test_a_text_of_a_language_is_used_when_it_is_enabled_and_english_otherwise(people: People) -> None:
    people.manage("LanguagesService/PutLanguages", config={"languages": ["en", "de-CH"]})
    assert template(people, "Get", language="de-CH") == template(people, "Get")
    template(people, "Put", template={"subject": "English"})
    assert template(people, "Get", language="de-CH")["subject"] == "English"
    template(people, "Put", language="de-CH", template={"subject": "Grüezi"})
    assert template(people, "Get", language="de-CH")["subject"] == "Grüezi"
    assert template(people, "Get")["subject"] == "English"
