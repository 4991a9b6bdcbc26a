"""Mails leave the outbox: to real servers, once, and nothing is lost."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.jws import extract_compact
from kit.servers.installation import Installation
from kit.servers.post import Post, post_of
from PIL import Image

from ostiary.delivery.outbox import CLAIM_MS, PAUSES_S, claim, postpone
from ostiary.delivery.sender_details import SENDER_DETAILS
from ostiary.delivery.texts.templates import Template, put_template
from ostiary.directory.tenants.tenants import set_tenant_state
from ostiary.settings.logo import logo_url, put_logo, redrawn
from ostiary.settings.theme import THEME_COLOR
from ostiary.store.tenancy import fresh_view
from ostiary_api.appid.management.v4 import sender_details_pb2, widget_pb2


@pytest.fixture
def post(installation: Installation) -> Iterator[Post]:
    with post_of(installation) as made:
        yield made


def own_text(post: Post, name: str, template: Template) -> None:
    with post.made.runtime.store.write() as work:
        tenant = fresh_view(work, post.tenant_id)
        assert tenant is not None
        put_template(work, tenant, name, "en", template, 1)


def test_a_mail_arrives_with_both_its_parts_and_nothing_of_it_stays(post: Post) -> None:
    post.write("USER_VERIFICATION", code="c0de", code_seconds=5_400, language="de-CH")
    assert post.send() == 1
    (mail,) = post.smtp.delivered
    headers = mail.message
    assert (mail.sender, mail.recipients) == ("no-reply@id.example.com", ["jane@example.com"])
    assert (headers["From"], headers["To"]) == ("no-reply <no-reply@id.example.com>", "jane@example.com")
    assert headers["Subject"] == "Confirm your email address"
    assert headers["Message-ID"] == f"<{post.rows()[0].id}@id.example.com>"
    assert headers["Auto-Submitted"] == "auto-generated"
    link = "https://id.example.com/wfm/verify/c0de?language=de-CH"
    for part in ("plain", "html"):
        assert "Hello Jane Doe," in mail.part(part)
        assert link in mail.part(part)
        assert "within 1.5 hours" in mail.part(part)
    (row,) = post.rows()
    assert (row.state, row.attempts, row.target, row.payload, row.sealed_code) == ("sent", 1, "", "{}", "")
    assert post.send() == 0
    assert len(post.smtp.delivered) == 1


@pytest.mark.parametrize("to", ["jane@example.com", "jäne@example.com"])
def test_a_line_of_a_mail_may_begin_with_from(post: Post, to: str) -> None:
    own_text(post, "WELCOME", Template("Hello", "<p>x</p>", "Greetings\nFrom all of us\n.\n"))
    post.write("WELCOME", to)
    assert post.send() == 1
    (mail,) = post.smtp.delivered
    assert mail.recipients == [to]
    assert mail.part("plain").splitlines() == ["Greetings", "From all of us", "."]


def test_a_mail_looks_like_the_tenants_pages(post: Post) -> None:
    png = io.BytesIO()
    Image.new("RGB", (2, 2), "red").save(png, "PNG")
    with post.made.runtime.store.write() as work:
        THEME_COLOR.replace(work, post.tenant_id, widget_pb2.ThemeColor(header_color="#ABCDEF"), 1)
        put_logo(work, post.tenant_id, redrawn(png.getvalue()), 1)
        logo = logo_url(work, "https://id.example.com", post.tenant_id)
    post.write()
    post.send()
    html = post.smtp.delivered[0].part("html")
    assert "background:#ABCDEF" in html
    assert f'<img src="{logo}"' in html


def test_what_users_call_themselves_is_text_in_every_part_and_never_a_header(post: Post) -> None:
    evil = "<script>x</script>\r\nBcc: all@example.com\r\n\r\nBody%{user.email}"
    html = "<p title='%{user.displayName}'>%{user.displayName}</p>"
    own_text(post, "WELCOME", Template("Hello %{user.displayName}", html, "Hello %{user.displayName}"))
    post.write(user={"displayName": evil})
    post.send()
    (mail,) = post.smtp.delivered
    assert mail.recipients == ["jane@example.com"]
    assert mail.message["Bcc"] is None
    assert mail.message["Subject"] == "Hello <script>x</script> Bcc: all@example.com Body%{user.email}"
    assert "<script>" not in mail.part("html")
    assert mail.part("html").count("&lt;script&gt;x&lt;/script&gt;") == 2
    assert "jane@example.com" not in mail.part("html"), "a value is not a template"


@pytest.mark.parametrize(
    ("address", "envelope"),
    [
        ("jane,all@example.com", '"jane,all"@example.com'),
        ("jane@bücher.example", "jane@xn--bcher-kva.example"),
        ("a>b@example.com", '"a>b"@example.com'),
    ],
)
def test_an_odd_address_is_one_recipient(post: Post, address: str, envelope: str) -> None:
    post.write(to=address)
    post.send()
    assert [mail.recipients for mail in post.smtp.delivered] == [[envelope]]


def test_an_address_that_no_header_can_hold_fails_at_once_and_keeps_nobody_waiting(post: Post) -> None:
    post.write(to="jane\r\nRCPT TO:<all@example.com>@example.com")
    post.write(to="joe@example.com")
    post.send()
    assert sorted(post.states()) == ["failed", "sent"]
    assert [mail.recipients for mail in post.smtp.delivered] == [["joe@example.com"]]


def test_the_senders_details_are_the_tenants(post: Post) -> None:
    details = sender_details_pb2.SenderDetails(
        sender={"name": "Ácme, Inc.", "email": "hello@acme.example"}, reply_to={"email": "help@acme.example"},
        cc={"email": "archive@acme.example"}, bcc={"email": "hidden@acme.example"},
    )  # fmt: skip
    with post.made.runtime.store.write() as work:
        SENDER_DETAILS.replace(work, post.tenant_id, sender_details_pb2.SenderDetailsConfig(sender_details=details), 1)
    post.write()
    post.send()
    (mail,) = post.smtp.delivered
    assert mail.sender == "hello@acme.example"
    assert sorted(mail.recipients) == ["archive@acme.example", "hidden@acme.example", "jane@example.com"]
    assert mail.message["From"] == '"Ácme, Inc." <hello@acme.example>'
    assert (mail.message["Reply-To"], mail.message["Cc"]) == ("help@acme.example", "archive@acme.example")
    assert "hidden@acme.example" not in mail.message.as_string()


def test_a_message_that_is_refused_for_now_is_sent_again_after_each_pause(post: Post) -> None:
    post.smtp.answer = "451 later"
    post.write()
    for pause_s in PAUSES_S[:3]:
        assert post.send() == 1
        assert post.states() == ["waiting"]
        post.made.clock.advance(pause_s - 1)
        assert post.send() == 0, "not before the pause is over"
        post.made.clock.advance(1)
    post.smtp.answer = ""
    assert post.send() == 1
    assert (post.states(), post.rows()[0].attempts, len(post.smtp.delivered)) == (["sent"], 4, 1)


def test_a_message_is_given_up_when_its_code_is_worth_nothing_any_more(post: Post) -> None:
    post.smtp.answer = "451 later"
    post.write("RESET_PASSWORD", code="c0de", code_seconds=900)
    for _ in range(20):
        post.send()
        post.made.clock.advance(600)
    assert post.states() == ["failed"]
    assert post.rows()[0].sealed_code == ""
    assert post.rows()[0].attempts <= 5


@pytest.mark.parametrize(("answer", "refusals"), [("554 no", {}), ("", {"jane@example.com": "550 unknown"})])
def test_what_is_refused_for_good_is_not_sent_again(post: Post, answer: str, refusals: dict[str, str]) -> None:
    post.smtp.answer, post.smtp.refusals = answer, refusals
    post.write()
    post.send()
    assert post.states() == ["failed"]


def test_when_no_server_answers_the_rest_of_the_tenant_waits_untried(installation: Installation) -> None:
    with post_of(installation) as running:
        gone = running.smtp.url
    made = installation.with_settings(smtp_url=gone)
    post = Post(made, running.smtp, running.web, running.answers)
    for _ in range(3):
        post.write()
    assert post.send() == 3
    assert sorted(row.attempts for row in post.rows()) == [0, 0, 1]
    assert post.states() == ["waiting"] * 3
    made.runtime.close()


def signed(post: Post, token: str) -> dict[str, Any]:
    """The claims, if the signature is that of a public key of the tenant's OAuth server."""
    runtime = post.made.runtime
    with runtime.store.read() as work:
        tenant = runtime.tenancy.find(work, post.tenant_id)
        assert tenant is not None
        keys = runtime.keys.jwks(work, tenant)
    return dict(jwt.decode(token, KeySet.import_key_set({"keys": keys}), algorithms=["RS256"]).claims)


@pytest.mark.parametrize(
    ("authorization", "header"),
    [
        ({"type": "none"}, None),
        ({"type": "value", "value": "Bearer s3cret"}, "Bearer s3cret"),
        ({"type": "basic", "username": "joe", "password": "pa:ss"}, f"Basic {base64.b64encode(b'joe:pa:ss').decode()}"),
    ],
)
def test_a_tenants_own_dispatcher_gets_the_mail_signed(
    post: Post, authorization: dict[str, str], header: str | None
) -> None:
    post.custom(**authorization)
    post.write("MFA_VERIFICATION", code="123456")
    post.send()
    (request,) = post.web.received
    assert (request.method, request.path, request.headers.get("authorization")) == ("POST", "/send", header)
    assert request.headers["content-type"] == "application/json"
    document = json.loads(request.body)
    assert list(document) == ["jws"]
    claims = signed(post, document["jws"])
    assert claims["tenant"] == post.tenant_id
    assert claims["iss"] == f"https://id.example.com/oauth/v4/{post.tenant_id}"
    assert claims["iat"] == post.made.clock.now_ms() // 1000
    assert claims["exp"] == claims["iat"] + 300
    assert claims["jti"] == post.rows()[0].id
    assert extract_compact(document["jws"].encode()).headers()["typ"] == "appid-message+jwt"
    message = claims["message"]
    assert message["to"] == "jane@example.com"
    assert message["from"] == {"address": "no-reply@id.example.com", "name": "no-reply"}
    assert message["subject"] == "Your sign-in code"
    assert "123456" in message["body"]
    assert message["body"].startswith("<!doctype html>")
    assert "123456" in message["text"]
    assert post.states() == ["sent"]
    assert not post.smtp.delivered


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503, 302])
def test_a_dispatcher_gets_the_same_message_again_until_it_says_2xx(post: Post, status: int) -> None:
    post.custom()
    post.answers.status, post.answers.headers = status, {"location": "/elsewhere"}
    post.write()
    post.send()
    assert post.states() == ["waiting"]
    post.answers.status = 204
    post.made.clock.advance(PAUSES_S[0])
    post.send()
    first, second = (signed(post, json.loads(request.body)["jws"])["jti"] for request in post.web.received)
    assert first == second
    post.made.clock.advance(86_400)
    assert (post.send(), post.states()) == (0, ["sent"])


def test_a_dispatcher_that_took_a_mail_and_talks_too_much_has_taken_it(post: Post) -> None:
    post.custom()
    post.answers.status, post.answers.body = 200, b"x" * 1_000_000
    post.write()
    post.send()
    assert post.states() == ["sent"]


def test_sendgrid_gets_the_mail_with_the_tenants_key(post: Post) -> None:
    post.dispatch_by({"provider": "sendgrid", "sendgrid": {"apiKey": "SG.key"}})
    post.write()
    post.send()
    (request,) = post.web.received
    assert (request.path, request.headers["authorization"]) == ("/v3/mail/send", "Bearer SG.key")
    document = json.loads(request.body)
    assert document["personalizations"] == [{"to": [{"email": "jane@example.com"}]}]
    assert document["from"] == {"email": "no-reply@id.example.com", "name": "no-reply"}
    assert document["subject"] == "Welcome, Jane Doe"
    assert [part["type"] for part in document["content"]] == ["text/plain", "text/html"]
    assert post.states() == ["sent"]


def test_a_slow_tenant_does_not_keep_another_waiting(post: Post) -> None:
    other = post.made.new_tenant("other")
    post.custom()
    post.answers.status = 500
    for _ in range(50):
        post.write()
    post.write(tenant_id=other, to="joe@example.com")
    post.send()
    assert [mail.recipients for mail in post.smtp.delivered] == [["joe@example.com"]]
    assert len(post.web.received) == 1, "a dispatcher that fails is not asked again in the same turn"


def test_many_processes_send_each_message_once(post: Post, installation: Installation) -> None:
    others = [
        installation.with_settings(smtp_url=post.smtp.url, public_url="https://id.example.com", trusted_hops=1)
        for _ in range(2)
    ]
    senders = [made.runtime.messages.delivery for made in (post.made, *others)]
    names = [f"user-{number}@example.com" for number in range(30)]
    for name in names:
        post.write(to=name)
    with ThreadPoolExecutor(6) as threads:
        while any(list(threads.map(lambda one: one.send_due(), senders * 2))):
            pass
    assert Counter(mail.recipients[0] for mail in post.smtp.delivered) == Counter(names)
    for made in others:
        made.runtime.close()


SENDER = (
    "from ostiary.runtime import open_runtime; from ostiary.config import Settings; "
    "open_runtime(Settings()).messages.delivery.send_due()"
)


def test_a_message_whose_sender_is_killed_before_it_is_taken_is_sent_by_another(post: Post, tmp_path: Path) -> None:
    settings = post.made.runtime.settings
    assert settings.master_key is not None
    post.write()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        variables = {
            "OSTIARY_DATABASE": settings.database, "OSTIARY_DATA": str(tmp_path),
            "OSTIARY_MASTER_KEY": settings.master_key.get_secret_value(),
            "OSTIARY_SMTP_URL": f"smtp://127.0.0.1:{silent.getsockname()[1]}",
        }  # fmt: skip
        process = subprocess.Popen([sys.executable, "-c", SENDER], env={**os.environ, **variables})
        connection, _ = silent.accept()  # it has claimed the message, and is about to hand it over
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        connection.close()
    assert (post.send(), post.states()) == (0, ["waiting"]), "somebody may still be at it"
    # The other process read the real clock.
    post.made.clock.advance(max(0, time.time() - post.made.clock.now_ms() / 1000) + CLAIM_MS / 1000)
    assert (post.send(), post.states(), len(post.smtp.delivered)) == (1, ["sent"], 1)


def test_who_was_overtaken_does_not_undo_what_the_other_did(post: Post) -> None:
    store, clock = post.made.runtime.store, post.made.clock
    post.write()
    (slow,) = claim(store, clock.now_ms())
    clock.advance(CLAIM_MS / 1000)
    assert post.send() == 1
    postpone(store, slow, clock.now_ms())
    assert post.states() == ["sent"]


def test_nothing_leaves_for_a_disabled_tenant(post: Post) -> None:
    post.write()
    with post.made.runtime.store.write() as work:
        set_tenant_state(work, post.tenant_id, "disabled", 1)
    post.send()
    assert (post.states(), post.smtp.delivered) == (["waiting"], [])


def test_without_a_mail_server_mails_are_files_that_nobody_else_reads(installation: Installation) -> None:
    with post_of(installation) as around:
        post = Post(installation, around.smtp, around.web, around.answers)
        post.write("RESET_PASSWORD", code="c0de")
        post.send()
        (file,) = (installation.runtime.settings.data / "mail").iterdir()
        assert (file.name, file.stat().st_mode & 0o777) == (f"{post.rows()[0].id}.eml", 0o600)
        assert b"/wfm/verify/c0de" in file.read_bytes().replace(b"=\r\n", b"")
        assert post.states() == ["sent"]
