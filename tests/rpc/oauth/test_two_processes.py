"""What a process remembers of people never outlives a change that another process makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kit.callers import Caller, serving
from kit.oauth import Application, Refused, Runtime
from kit.servers.installation import ENTROPY, Installation

from ostiary.directory.profiles.linking import Arrival, profile_of_identity
from ostiary.directory.profiles.profiles import IdentityView
from ostiary.directory.tenants.deletion import begin_deletion
from ostiary.directory.tenants.tenants import set_tenant_state
from ostiary.directory.users.changes import set_locale, update_user, verify_address
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import UserChange
from ostiary.directory.users.users import lock_user
from ostiary.names import email_key
from ostiary.oauth.clients.clients import delete_client
from ostiary.oauth.sessions.access_revocation import end_access_of_user, remove_profile, remove_user
from ostiary.store.work import Work

ADA = "ada@example.com"


@pytest.fixture(scope="module")
def other(shared_caller: Caller) -> Iterator[Caller]:
    """Another process on the same store."""
    with serving(shared_caller.installation.with_settings()) as caller:
        yield caller


class Place:
    """A tenant with a user who is signed in, as two processes see them."""

    def __init__(self, one: Caller, other: Caller) -> None:
        self.made: Installation = one.installation
        self.tenant_id = self.made.new_tenant(f"two-{ENTROPY.token_bytes(6).hex()}")
        self.runtimes = [Runtime(caller, self.tenant_id) for caller in (one, other)]
        here = self.runtimes[0]
        self.app: Application = here.application()
        self.user_id = here.user(ADA)
        self.token: str = here.sign_in(self.app)["access_token"]
        self.profile_id = str(here.verified(self.token)[1]["sub"])

    def seen(self) -> list[tuple[bool, dict[str, Any]]]:
        """Whether each process finds the token alive, and its claims."""

        def claims(runtime: Runtime) -> dict[str, Any]:
            try:
                return runtime.userinfo(self.token)
            except Refused:
                return {}

        def alive(runtime: Runtime) -> bool:
            try:
                return runtime.is_active(self.token, self.app)
            except Refused:  # the client or the tenant is gone
                return False

        return [(alive(runtime), claims(runtime)) for runtime in self.runtimes]

    def change(self, how: Callable[[Work, str, int], Any], who: str) -> None:
        with self.made.runtime.store.write() as work:
            how(work, who, self.made.clock.now_ms())


@pytest.fixture
def place(shared_caller: Caller, other: Caller) -> Place:
    made = Place(shared_caller, other)
    first = made.seen()
    assert [alive for alive, _ in first] == [True, True]
    assert made.seen() == first, "and what is remembered is the same"
    return made


def test_what_one_process_changes_of_a_person_another_says_at_once(place: Place) -> None:
    """Each change of one thing: of the user, of its contacts, of its profile, of its identities."""
    tenant = place.tenant_id
    second = (Contact(ADA, primary=True, verified=True), Contact("b@example.com"))

    def described(**facts: Any) -> Callable[[Work, str, int], Any]:
        return lambda work, who, now: update_user(work, tenant, who, UserChange(**facts), now)

    def said(work: Work, _: str, now: int) -> None:
        facts = {"name": "Countess", "email": ADA, "preferred_username": ADA, "locale": ""}
        arrival = Arrival(IdentityView("cloud_directory", place.user_id, '{"a": 1}'), facts)
        profile_of_identity(work, tenant, arrival, ENTROPY, now)

    def verified(work: Work, who: str, now: int) -> None:
        lock_user(work, tenant, who)
        assert verify_address(work, tenant, who, email_key("b@example.com"), now)

    changes = [
        described(given_name="Augusta"), described(given_name="Augusta", phones=[Contact("+1 2")]),
        described(phones=[Contact("+1 2")], emails=second), verified, described(emails=second, confirmed=False),
        described(emails=second, further={"title": "Dr"}), described(locked_until=1 << 50), described(active=True),
        lambda work, who, now: set_locale(work, tenant, who, "fr", now), said,
    ]  # fmt: skip
    before = place.seen()
    for number, how in enumerate(changes):
        place.made.clock.advance(1)
        place.change(how, place.user_id)
        after = place.seen()
        assert after[0] == after[1], number
        assert after[0] != before[0], number
        before = after


ENDINGS: dict[str, Callable[[Place], Callable[[Work, str, int], Any]]] = {
    "deactivated": lambda place: (
        lambda work, _, now: update_user(work, place.tenant_id, place.user_id, UserChange(active=False), now)
    ),
    "access ended": lambda place: (
        lambda work, _, now: end_access_of_user(work, place.tenant_id, place.user_id, now + 2_000)
    ),
    "user removed": lambda place: lambda work, _, now: remove_user(work, place.tenant_id, place.user_id, now),
    "profile removed": lambda place: lambda work, _, now: remove_profile(work, place.tenant_id, place.profile_id, now),
    "client deleted": lambda place: lambda work, _, now: delete_client(work, place.tenant_id, place.app.id, now),
    "tenant disabled": lambda place: lambda work, _, now: set_tenant_state(work, place.tenant_id, "disabled", now),
    "tenant deleted": lambda place: lambda work, _, now: begin_deletion(work, place.tenant_id, ENTROPY, now),
}


@pytest.mark.parametrize("ending", [*ENDINGS, "revoked"])
def test_what_ends_at_one_process_has_ended_at_the_other(place: Place, ending: str) -> None:
    if ending == "revoked":
        place.runtimes[0].revoke({"token": place.token}, place.app.basic)
    else:
        place.change(ENDINGS[ending](place), "")
    assert place.seen() == [(False, {})] * 2


def test_introspection_asks_about_tenant_and_token_at_once_and_refuses_as_ever(place: Place) -> None:
    """A token that is known: in its own tenant, in another's path, by a client with a wrong secret."""
    runtime, stranger = place.runtimes[0], Runtime(place.runtimes[0].caller)
    assert runtime.is_active(place.token, place.app)
    assert not stranger.is_active(place.token, stranger.application())
    with pytest.raises(Refused) as wrong:
        runtime.introspect({"token": place.token}, Application(place.tenant_id, place.app.id, "wrong").basic)
    assert wrong.value.error == "invalid_client"
