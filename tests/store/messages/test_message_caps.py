"""How many messages may be asked for, by client address, recipient and tenant, on both databases."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from kit.servers.installation import Installation

from ostiary.access.principals import Principal, PrincipalKind
from ostiary.delivery.caps import MAIL, SMS
from ostiary.errors import DomainError
from ostiary.transport.call import Call
from ostiary.transport.rules import read_rules
from ostiary_api.appid.management.v4 import self_service_pb2 as pb

ALLOWED, HERE, NOWHERE = "", "192.0.2.7", ""
RESEND = read_rules([pb.DESCRIPTOR.services_by_name["SelfServiceService"]], ["management", "directory"])[
    "/identity.appid.management.v4.SelfServiceService/ResendNotification"
]
WORDS = {"from this address", "to this recipient", "in this tenant"}


class Asking:
    """Somebody who asks for messages of a tenant, and by whose limit that is refused."""

    def __init__(self, made: Installation) -> None:
        self.clock, self.other_tenant = made.clock, made.new_tenant("other")
        self._caps, self._tenant_id = made.runtime.messages.caps, made.tenant_id

    def __call__(
        self, recipient: str, client_ip: str = NOWHERE, messages: int = 1, channel: str = MAIL, tenant_id: str = ""
    ) -> str:
        try:
            self._caps.spend(tenant_id or self._tenant_id, recipient, client_ip, messages, channel)
        except DomainError as refused:
            if refused.reason != "TOO_MANY_MESSAGES":
                raise
            return next(words for words in WORDS if words in refused.message)
        return ALLOWED


@pytest.fixture
def ask(installation: Installation) -> Asking:
    return Asking(installation)


def test_a_recipient_gets_ten_messages_in_five_minutes_and_none_for_the_next_thirty(ask: Asking) -> None:
    refused = "to this recipient"
    with ThreadPoolExecutor(6) as threads:
        assert Counter(threads.map(lambda _: ask("jane"), range(14))) == {ALLOWED: 10, refused: 4}
    assert ask("joe") == ALLOWED
    assert ask("jane", tenant_id=ask.other_tenant) == ALLOWED
    ask.clock.advance(1_799)
    assert ask("jane") == refused
    ask.clock.advance(1)
    assert ask("jane") == ALLOWED
    ask.clock.advance(300)
    assert [ask("jane") for _ in range(11)] == [ALLOWED] * 10 + [refused]


@pytest.mark.parametrize(("channel", "allowed"), [(MAIL, 20), (SMS, 10)])
def test_an_address_asks_for_so_many_whoever_they_go_to(ask: Asking, channel: str, allowed: int) -> None:
    refused = "from this address"
    with ThreadPoolExecutor(6) as threads:
        answers = threads.map(lambda number: ask(f"{number}", HERE, channel=channel), range(allowed + 4))
        assert Counter(answers) == {ALLOWED: allowed, refused: 4}
    assert ask("jane", HERE, channel=MAIL if channel == SMS else SMS) == ALLOWED
    assert ask("jane", "192.0.2.8", channel=channel) == ALLOWED
    assert ask("jane", HERE, channel=channel, tenant_id=ask.other_tenant) == ALLOWED
    assert [ask(f"{number}", NOWHERE, channel=channel) for number in range(2 * allowed)] == [ALLOWED] * 2 * allowed


@pytest.mark.parametrize(("first", "second", "same"), [
    ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
    ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
    ("::ffff:192.0.2.7", "192.0.2.7", True),
    ("::ffff:192.0.2.7", "::ffff:192.0.2.8", False),
])  # fmt: skip
def test_an_address_of_ipv6_is_its_64_and_one_mapped_from_ipv4_is_that(
    ask: Asking, first: str, second: str, same: bool
) -> None:
    assert [ask(f"{number}", first, 10) for number in range(2)] == [ALLOWED] * 2
    assert ask("jane", second) == ("from this address" if same else ALLOWED)


def test_a_tenant_sends_so_many_and_the_next_window_begins_afresh_however_many_were_refused(ask: Asking) -> None:
    refused = "in this tenant"
    assert {ask(f"{number}", messages=10) for number in range(79)} == {ALLOWED}
    with ThreadPoolExecutor(6) as threads:
        assert Counter(threads.map(lambda number: ask(f"more {number}"), range(14))) == {ALLOWED: 10, refused: 4}
    assert ask("jane", tenant_id=ask.other_tenant) == ALLOWED
    assert ask("jane", channel=SMS) == ALLOWED
    ask.clock.advance(299)
    assert [ask(f"in vain {number}") for number in range(20)] == [refused] * 20
    ask.clock.advance(1)
    assert {ask(f"again {number}", messages=10) for number in range(80)} == {ALLOWED}
    assert ask("jane") == refused


def test_two_hundred_text_messages_are_what_a_tenant_pays_for_in_five_minutes(ask: Asking) -> None:
    assert [ask(f"{number}", messages=10, channel=SMS) for number in range(21)] == [ALLOWED] * 20 + ["in this tenant"]


def test_hammering_at_one_recipient_or_from_one_address_costs_the_tenant_nothing(ask: Asking) -> None:
    for _ in range(100):
        ask("jane", messages=10)
        ask("joe", HERE, messages=10)
    spent = 10 + 10  # what reached jane and joe
    left = [ask(f"{number}", messages=10) for number in range((800 - spent) // 10 + 1)]
    assert left == [ALLOWED] * (len(left) - 1) + ["in this tenant"]


def test_messages_asked_for_together_are_counted_together(ask: Asking) -> None:
    assert [ask("jane", messages=messages) for messages in (9, 2)] == [ALLOWED, "to this recipient"]
    assert ask("joe", messages=11) == "to this recipient"


@pytest.mark.parametrize("kind", PrincipalKind)
def test_whoever_has_no_api_key_asks_from_an_address_of_its_own(
    installation: Installation, kind: PrincipalKind
) -> None:
    runtime, headers = installation.runtime, {"x-client-ip": HERE}
    call = Call(RESEND, runtime.store, runtime.tenancy, headers, "r1", principal=Principal(kind))
    assert call.counted_ip == (NOWHERE if kind is PrincipalKind.API_KEY else HERE)
    assert Call(RESEND, runtime.store, runtime.tenancy, {}, "r1").counted_ip == NOWHERE
