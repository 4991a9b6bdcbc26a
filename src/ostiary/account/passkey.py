"""Passkeys of the account: a page that has the browser make one, and its enrolment."""

from __future__ import annotations

import hashlib
import hmac

from ostiary.account.factors import prove_factor
from ostiary.account.parts import AccountPage, Change, account_page
from ostiary.account.telling import AccountMessages
from ostiary.account.visits import RECENT_S, AccountVisit
from ostiary.audit.factor_events import factor_added
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.directory.factors.ceremonies import Created, creation_options, read_creation, refused
from ostiary.directory.factors.factors import PASSKEY
from ostiary.directory.factors.passkeys import HARDWARE, SOFTWARE, add_passkey, list_passkeys
from ostiary.directory.factors.relying_party import RelyingParty
from ostiary.errors import DomainError
from ostiary.ids import Entropy, new_secret
from ostiary.keys.sealing import Sealing
from ostiary.login.cookies import set_session
from ostiary.login.passkeys.asking import CREDENTIAL, PasskeyBox
from ostiary.pages.problems import problem_text
from ostiary.pages.rendering import HostedPage
from ostiary.pages.scripts import SOURCE
from ostiary.pages.texts import marked
from ostiary.store.replay import use_once
from ostiary.store.work import Work

NAME = "passkey"
_KIND = "passkey ceremony"
_SERVER = "Ostiary"
"""The name that devices show where the tenant has given none."""


class PasskeyPage(AccountPage):
    """The form by which the browser makes a passkey."""

    name = NAME

    def __init__(self, party: RelyingParty | None, entropy: Entropy) -> None:
        self._party = party
        self._entropy = entropy

    def show(self, visit: AccountVisit, problem: DomainError | None = None, note: str = "") -> HostedPage:
        """Shows the form; where browsers have no passkeys for this server it says so."""
        ceremony = new_secret(self._entropy)
        box = PasskeyBox(self._options(visit, self._party, ceremony), "") if self._party else None
        return account_page(
            "account_passkey.html", visit, problem_text(visit.look.texts, problem) if problem else "",
            *([SOURCE] if box else []), passkey=box, ceremony=ceremony, name=visit.form.get("name")[:64],
        )  # fmt: skip

    def _options(self, visit: AccountVisit, party: RelyingParty, ceremony: str) -> str:
        user = visit.user
        known = list_passkeys(visit.call.work, visit.tenant.id, user.id)
        return creation_options(
            party, challenge_of(visit, ceremony), user_id=user.id, user_name=user.email or user.user_name,
            display_name=user.display_name or user.user_name, shown_as=visit.look.appearance.brand or _SERVER,
            known=[(one.credential_id, one.transports) for one in known],
        )  # fmt: skip


class NewPasskey(Change):
    """Enrols a passkey. Its making has proved it, so this session has proved a second factor, too."""

    name = NAME
    page = NAME
    done = marked("Your passkey is set up. From now on you can sign in with it.")

    def __init__(
        self, party: RelyingParty | None, clock: Clock, entropy: Entropy, sealing: Sealing, messages: AccountMessages,
        events: EventSink, *, secure: bool,
    ) -> None:  # fmt: skip
        self._party = party
        self._clock = clock
        self._entropy = entropy
        self._sealing = sealing
        self._messages = messages
        self._events = events
        self._secure = secure

    def prepare(self, visit: AccountVisit) -> Created:
        """Checks what the browser has made. Raises PASSKEY_REFUSED, MISSING_FIELD."""
        if self._party is None:
            raise refused()
        challenge = challenge_of(visit, visit.form.required("ceremony"))
        return read_creation(self._party, challenge, visit.form.required(CREDENTIAL))

    def make(self, work: Work, visit: AccountVisit, prepared: Created) -> str:
        """Stores the passkey, and tells the person by mail; what the browser's cookie holds from now on. Raises
        PASSKEY_REFUSED for an answer that has counted already, and what `add_passkey` raises."""
        tenant_id, name = visit.tenant.id, visit.form.required("name").strip()
        until = visit.now_ms + 2 * RECENT_S * 1000
        if not use_once(work, tenant_id, _KIND, visit.form.get("ceremony"), until):
            raise refused()
        user_id = visit.user.id
        id = add_passkey(work, self._sealing, tenant_id, user_id, prepared, name, self._entropy, visit.now_ms)
        self._events.emit(work, factor_added(tenant_id, user_id, id, PASSKEY, visit.call.request_id))
        self._messages.tell(work, visit, f'A passkey "{name}" was added.')
        method = SOFTWARE if prepared.synced else HARDWARE
        return prove_factor(work, visit, "passkey_factor", method, self._entropy, self._clock.now_ms())

    def answer(self, visit: AccountVisit, made: str) -> None:
        """Gives the browser its new secret."""
        set_session(visit.call, visit.call.work, visit.tenant, made, secure=self._secure)


def challenge_of(visit: AccountVisit, ceremony: str) -> bytes:
    """The challenge of one form of this browser; another session has another one, and so has an earlier one."""
    return hmac.new(visit.secret.encode(), f"passkey {ceremony}".encode(), hashlib.sha256).digest()
