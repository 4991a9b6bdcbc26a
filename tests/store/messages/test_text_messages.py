"""Text messages leave the same outbox as mails, under the same rules."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl

import pytest
from kit.servers.installation import ENTROPY, Installation
from kit.servers.post import Post, post_of

from ostiary.delivery.channels.sms_channel import text_message
from ostiary.delivery.outbox import PAUSES_S, Outbox
from ostiary.delivery.texts.templates import MFA_VERIFICATION
from ostiary.mfa.settings import MFA_CHANNELS
from ostiary_api.appid.management.v4 import mfa_pb2 as pb

OK = b'{"message-count": "1", "messages": [{"status": "0"}]}'
NUMBER = "+14155550123"


@pytest.fixture
def post(installation: Installation) -> Iterator[Post]:
    with post_of(installation) as made:
        made.answers.status, made.answers.body = 200, OK
        yield made


def configure(post: Post) -> None:
    runtime = post.made.runtime
    channels = pb.MfaChannels()
    channels.sms.key, channels.sms.secret, channels.sms.sender.string_value = "k3y", "s3cret", "Acme"
    with runtime.store.write() as work:
        MFA_CHANNELS.replace_sealed(work, runtime.sealing, ENTROPY, post.tenant_id, channels, 1)


def write(post: Post, code: str = "123456", seconds: int = 900) -> None:
    runtime, now_ms = post.made.runtime, post.made.clock.now_ms()
    outbox = Outbox(runtime.sealing, ENTROPY)
    with runtime.store.write() as work:
        message = text_message(MFA_VERIFICATION, NUMBER, code=code, code_seconds=seconds)
        outbox.add(work, post.tenant_id, message, now_ms)


def sent(post: Post) -> list[dict[str, str]]:
    return [dict(parse_qsl(request.body.decode())) for request in post.web.received]


def test_a_code_leaves_by_the_tenants_account_once_and_nothing_of_it_stays(post: Post) -> None:
    configure(post)
    write(post)
    (row,) = post.rows()
    assert "123456" not in repr(row), "sealed until it is sent"
    assert (post.send(), post.send()) == (1, 0)
    (message,) = sent(post)
    assert (message["to"], message["from"]) == ("14155550123", "Acme")
    assert message["text"] == "123456 is your confirmation code."
    assert message["client-ref"] == row.id
    (row,) = post.rows()
    assert (row.state, row.target, row.payload, row.sealed_code) == ("sent", "", "{}", "")
    assert not post.smtp.delivered


def test_what_vonage_refuses_for_now_waits_and_what_it_never_takes_fails(post: Post) -> None:
    configure(post)
    write(post)
    post.answers.body = b'{"messages": [{"status": "1", "error-text": "throttled"}]}'
    post.send()
    assert post.states() == ["waiting"]
    post.made.clock.advance(PAUSES_S[0])
    post.answers.body = b'{"messages": [{"status": "6", "error-text": "no such number"}]}'
    post.send()
    first, second = sent(post)
    assert (post.states(), first["client-ref"]) == (["failed"], second["client-ref"])


def test_a_code_is_not_sent_when_it_is_worth_nothing_any_more(post: Post) -> None:
    configure(post)
    post.answers.status = 503
    write(post, seconds=PAUSES_S[0])
    post.send()
    assert post.states() == ["failed"]


def test_without_an_account_it_fails_and_keeps_no_mail_waiting(post: Post) -> None:
    write(post)
    post.write()
    assert post.send() == 2
    assert sorted(post.states()) == ["failed", "sent"]


def test_the_failure_of_one_channel_keeps_the_other_going(post: Post) -> None:
    configure(post)
    post.answers.status = 503
    for _ in range(2):
        write(post)
    post.write()
    post.send()
    assert sorted(post.states()) == ["sent", "waiting", "waiting"]
    assert len(post.web.received) == 1, "the second is not even tried"
    assert len(post.smtp.delivered) == 1
