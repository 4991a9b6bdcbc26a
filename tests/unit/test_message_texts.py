"""The texts of messages: placeholders, escaping, the plain part, the built-in ones."""

from __future__ import annotations

import re
import time

import pytest

from ostiary.config import ConfigurationError
from ostiary.delivery.addresses import mailbox
from ostiary.delivery.channels.smtp import SmtpServer, read_smtp_url
from ostiary.delivery.texts.placeholders import Branding, placeholders
from ostiary.delivery.texts.plain_text import plain_text
from ostiary.delivery.texts.rendering import render
from ostiary.delivery.texts.templates import NAMES, Template, built_in
from ostiary.errors import DomainError

LOOK = Branding("#EEF2F5")
PAYLOAD = {
    "user": {"displayName": "Jane", "email": "jane@example.com"},
    "passwordChangeInfo": {"time": "1 May 2026, 09:05 UTC", "ipAddress": "192.0.2.1"},
}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("%{user.displayName}", "Ann &amp; &quot;Bob&quot;"),
        ("<a title='%{ user.displayName }'>", "<a title='Ann &amp; &quot;Bob&quot;'>"),
        ("[%{user.lastName}%{unknown}%{}]", "[]"),
        ("%{user.email", "%{user.email"),
        ("100% {user.email}", "100% {user.email}"),
        ("<img src='%{display.logo}' alt=x>|<img src=\"%{display.logo}\"/>", "|"),
        ("<img alt='a' src='/x.png'>", "<img alt='a' src='/x.png'>"),
    ],
)
def test_placeholders_are_filled_and_escaped_and_what_is_missing_is_empty(text: str, filled: str) -> None:
    assert render(Template("s", text), {"user.displayName": 'Ann & "Bob"'}).html == filled


def test_a_subject_is_one_line_of_bounded_length() -> None:
    content = render(Template("%{a}%{b}"), {"a": "x\r\nBcc: y\u2028z\0", "b": "é" * 500})
    assert content.subject.startswith("x Bcc: y z é")
    assert len(content.subject) == 200


@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_message_says_everything_in_both_parts(name: str) -> None:
    values = placeholders(name, PAYLOAD, LOOK, "c0de", 86_400, "https://id.example.com/wfm/verify/c0de")
    content = render(built_in(name), values)
    assert "%{" not in content.subject + content.html + content.text
    assert "<img" not in content.html, "no broken picture where there is no logo"
    assert "Hello Jane," in content.text
    assert "\n\n\n" not in content.text
    for fact in {
        "USER_VERIFICATION": ["https://id.example.com/wfm/verify/c0de", "24 hours"],
        "RESET_PASSWORD": ["https://id.example.com/wfm/verify/c0de", "24 hours"],
        "WELCOME": ["jane@example.com"],
        "PASSWORD_CHANGED": ["1 May 2026, 09:05 UTC", "192.0.2.1"],
        "MFA_VERIFICATION": ["c0de", "15 minutes"],
    }[name]:
        assert fact in content.text
        assert fact in content.html
    assert plain_text(content.html).splitlines()[0] == "Hello Jane,"


@pytest.mark.parametrize(
    ("seconds", "hours", "minutes"), [(86_400, "24", "1440"), (900, "0.25", "15"), (2_592_000, "720", "43200")]
)
def test_the_lifetime_of_a_link_is_told_in_hours_and_in_minutes(seconds: int, hours: str, minutes: str) -> None:
    values = placeholders("RESET_PASSWORD", {}, LOOK, "c", seconds, "l")
    assert (values["linkExpiration.hours"], values["linkExpiration.minutes"]) == (hours, minutes)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h3>Hello</h3>\n<p>Follow   this <b>link</b></p>", "Hello\n\nFollow this link"),
        ("<p><a href='https://x.example/a'>here</a></p>", "here (https://x.example/a)"),
        ("<a href='https://x.example/a'>https://x.example/a</a>", "https://x.example/a"),
        ("<style>p{}</style><script>x()</script><p>a<br>b</p>", "a\nb"),
        ("&lt;b&gt; &amp; &euro;", "<b> & €"),
        ("<ul><li>one</li><li>two</ul>", "one\n\ntwo"),
        ("no markup", "no markup"),
    ],
)
def test_html_becomes_what_a_person_would_read(html: str, text: str) -> None:
    assert plain_text(html) == text


@pytest.mark.parametrize("nasty", ["<img " * 40_000, "<img src src" * 16_000, "%{" * 100_000, "<a " * 60_000])
def test_no_text_of_a_tenant_is_slow(nasty: str) -> None:
    started = time.monotonic()
    render(Template("s", nasty), {})
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", SmtpServer("mail.example", 587)),
        ("smtps://u:p%40ss@mail.example", SmtpServer("mail.example", 465, "u", "p@ss", tls=True, starttls=False)),
        ("smtp://127.0.0.1:2525", SmtpServer("127.0.0.1", 2525, starttls=False)),
        ("smtp://mail.example:25?starttls=0", SmtpServer("mail.example", 25, starttls=False)),
        ("smtp://u:p@mail.example?starttls=1", SmtpServer("mail.example", 587, "u", "p")),
    ],
)
def test_a_mail_server_is_an_url(url: str, server: SmtpServer) -> None:
    assert read_smtp_url(url) == server
    assert "p@ss" not in repr(read_smtp_url(url))


@pytest.mark.parametrize(
    "url",
    [
        "mail.example:25", "http://mail.example", "smtp://", "smtp://mail.example:x", "smtp://u@mail.example",
        "smtp://mail.example?starttls=maybe", "smtp://mail.example?tls=1", "smtp://mail.example/path",
        "smtp://u:secret@mail.example?starttls=0",
    ],
)  # fmt: skip
def test_a_bad_url_of_a_mail_server_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="smtp_url") as refused:
        read_smtp_url(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "address", ["", "jane", "@example.com", "jane@", "a\n@b.example", "a b@c.example", f"{'a' * 250}@b.example"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(DomainError, match="INVALID_EMAIL"):
        mailbox("email", address)


def test_every_documented_placeholder_has_a_place() -> None:
    documented = set(re.findall(r"%\{([\w.]+)\}", " ".join(built_in(name).html for name in NAMES)))
    assert {"display.logo", "display.headerColor", "user.displayName", "verify.link", "resetPassword.link"} < documented
