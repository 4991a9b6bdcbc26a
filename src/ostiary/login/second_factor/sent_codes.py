"""Steps whose code is sent, by mail or text message. The sign-in remembers its digest: it is good for nobody else."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from ostiary.clock import Clock
from ostiary.delivery.channels.sms import CODE_WORDS, phone_number
from ostiary.directory.factors.factors import EMAIL, SMS, NewFactor, add_factor, list_factors, use_factor
from ostiary.directory.users.changes import verify_address
from ostiary.errors import DomainError
from ostiary.ids import Entropy, digest, same
from ostiary.keys.sealing import Sealing
from ostiary.login.flow import Done
from ostiary.login.pages import form_page
from ostiary.login.second_factor.checking import FactorChecks, expired_code, wrong_code
from ostiary.login.second_factor.factor_step import CODE, FactorStep, given_code
from ostiary.login.second_factor.person import FactorOwner, find_owner, get_owner, masked, owner_of
from ostiary.login.visits import SignInVisit
from ostiary.names import email_key
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.oauth.authorize.transactions import SignInOver
from ostiary.pages.rendering import HostedPage
from ostiary.pages.texts import marked
from ostiary.self_service.factor_codes import CODE_SECONDS, FactorCodes
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

AGAIN = "again"
"""The field of the button that sends a new code."""
MAX_TRIES = 5
"""Wrong tries after which a code is good for nothing."""
_SENT_AGAIN = marked("A new code was sent.")
_WORDS = marked("{code} is your confirmation code.")


class SentCodeStep(FactorStep):
    """Sends a code of six digits, and asks for it."""

    fields: ClassVar[tuple[str, ...]] = (CODE, AGAIN)
    kind: ClassVar[str]
    """The kind of the factor."""
    method: ClassVar[str]
    """What `amr` says of it (RFC 8176)."""

    def __init__(
        self, codes: FactorCodes, checks: FactorChecks, clock: Clock, entropy: Entropy, sealing: Sealing
    ) -> None:
        self._codes = codes
        self._checks = checks
        self._clock = clock
        self._entropy = entropy
        self._sealing = sealing

    @abstractmethod
    def target(self, owner: FactorOwner, transaction: SignInTransaction) -> str:
        """The address or number to which the code goes; empty where that is not known."""

    @abstractmethod
    def count(self, visit: SignInVisit, target: str) -> None:
        """Counts a message before it is written."""

    @abstractmethod
    def write(self, work: Work, visit: SignInVisit, owner: FactorOwner, target: str, code: str) -> None:
        """Puts the message into the outbox."""

    @abstractmethod
    def confirm(self, work: Work, visit: SignInVisit, owner: FactorOwner, target: str) -> None:
        """Notes that the person reads what is sent there, in the transaction in which the sign-in goes on. Raises
        SIGN_IN_OVER where it is not the person's any more."""

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies where codes go this way, and it is known where to."""
        owner = owner_of(work, tenant, transaction)
        return owner is not None and bool(self.target(owner, transaction))

    def show(self, visit: SignInVisit, problem: DomainError | None = None, note: str = "") -> HostedPage:
        """The form; sends a code before, if none is on its way. What keeps it from being sent is said on the page."""
        owner = get_owner(visit.call.work, visit.call.required_tenant, visit.transaction)
        target, notes = self.target(owner, visit.transaction), visit.transaction.notes
        if problem is None and notes.get(self._note("target")) != target:
            try:
                self._send(visit, owner, target)
            except DomainError as refused:
                problem = refused
        look = visit.look
        return form_page(
            "sent_code.html", look, redirects=visit.may_redirect, problem=problem, action=visit.action,
            hidden=visit.hidden(self.name), target=masked(target), note=look.texts(note), ways=self.ways(visit),
        )  # fmt: skip

    def submit(self, visit: SignInVisit) -> HostedPage | Done:
        """Takes the code, or sends a new one. Raises WRONG_CODE, CODE_EXPIRED, TOO_MANY_CODES, TOO_MANY_MESSAGES."""
        owner = get_owner(visit.call.work, visit.call.required_tenant, visit.transaction)
        target = self.target(owner, visit.transaction)
        if visit.form.get(AGAIN):
            self._send(visit, owner, target)
            return self.show(visit, note=_SENT_AGAIN)
        code = given_code(visit)
        self._checks.count(visit)
        self._compare(visit, target, code)

        def change(work: Work) -> None:
            self._checks.admit(work, visit)
            self.confirm(work, visit, owner, target)

        return Done(self.method, change)

    def _send(self, visit: SignInVisit, owner: FactorOwner, target: str) -> None:
        code = self._codes.new()
        visit.call.release()
        self.count(visit, target)
        until = self._clock.now_ms() + CODE_SECONDS * 1000
        notes = {"target": target, "code": digest(code), "until": str(until), "tries": "0"}
        visit.remember(
            {self._note(name): value for name, value in notes.items()},
            lambda work: self.write(work, visit, owner, target, code),
        )

    def _compare(self, visit: SignInVisit, target: str, code: str) -> None:
        notes = visit.transaction.notes
        tries = int(notes.get(self._note("tries"), MAX_TRIES))
        is_live = notes.get(self._note("target")) == target and tries < MAX_TRIES
        if not is_live or int(notes[self._note("until")]) <= self._clock.now_ms():
            raise expired_code()
        if not same(notes[self._note("code")], digest(code)):
            visit.remember({self._note("tries"): str(tries + 1)})
            raise wrong_code()

    def _note(self, name: str) -> str:
        return f"{self.name}_{name}"

    def _noted(self, work: Work, visit: SignInVisit, owner: FactorOwner, target: str) -> None:
        """Enters the factor at its first use, and its use later."""
        tenant_id, user_id, now_ms = visit.call.tenant_id, owner.user.id, self._clock.now_ms()
        known = [each for each in list_factors(work, tenant_id, user_id) if each.kind == self.kind]
        same_target = next((each.id for each in known if each.target == target), "")
        id = same_target
        if not id:
            new = NewFactor(self.kind, target=target)
            id = add_factor(work, self._sealing, tenant_id, user_id, new, self._entropy, now_ms)
            self._checks.record_added(work, visit, id, self.kind)
        use_factor(work, tenant_id, user_id, id, now_ms)


class MailCodeStep(SentCodeStep):
    """A code by mail, to the primary address. Who has it reads that address, which is confirmed by it."""

    name = "mail_code"
    kind, method = EMAIL, "otp"
    offer = marked("Get a code by mail")

    def target(self, owner: FactorOwner, transaction: SignInTransaction) -> str:
        """Returns the primary address."""
        return owner.address

    def count(self, visit: SignInVisit, target: str) -> None:
        """Counts a mail."""
        self._codes.count_mail(visit.call.tenant_id, target, visit.call.counted_ip)

    def write(self, work: Work, visit: SignInVisit, owner: FactorOwner, target: str, code: str) -> None:
        """Writes the mail in the language of the page."""
        self._codes.mail(work, visit.call.required_tenant, owner.user, code, visit.look.language)

    def confirm(self, work: Work, visit: SignInVisit, owner: FactorOwner, target: str) -> None:
        """Confirms the address, at the first time."""
        now_ms, user, key = self._clock.now_ms(), owner.user, email_key(target)
        if not user.email_verified and not verify_address(work, user.tenant_id, user.id, key, now_ms):
            raise SignInOver
        self._noted(work, visit, owner, target)


class SmsCodeStep(SentCodeStep):
    """A code by text message. Whoever has no number and no other factor gives one here."""

    name = "sms_code"
    kind, method = SMS, "sms"
    fields = (CODE, AGAIN, "number")
    offer = marked("Get a code by text message")

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies also where the number must be asked for."""
        owner = owner_of(work, tenant, transaction)
        return owner is not None and (bool(owner.number) or (owner.channel_is_sms and owner.may_enrol))

    def target(self, owner: FactorOwner, transaction: SignInTransaction) -> str:
        """Returns the number of the user, or the one that was given."""
        return owner.number or transaction.notes.get(self._note("given"), "")

    def show(self, visit: SignInVisit, problem: DomainError | None = None, note: str = "") -> HostedPage:
        """The form for the code, or that for the number."""
        owner = get_owner(visit.call.work, visit.call.required_tenant, visit.transaction)
        if self.target(owner, visit.transaction):
            return super().show(visit, problem, note)
        return form_page(
            "sms_number.html", visit.look, redirects=False, problem=problem, action=visit.action,
            hidden=visit.hidden(self.name), number=visit.form.get("number")[:32] if problem else "",
            ways=self.ways(visit),
        )  # fmt: skip

    def submit(self, visit: SignInVisit) -> HostedPage | Done:
        """Takes the number where there is none, else the code. Raises INVALID_PHONE_NUMBER, too."""
        owner = get_owner(visit.call.work, visit.call.required_tenant, visit.transaction)
        if self.target(owner, visit.transaction):
            return super().submit(visit)
        number = phone_number("number", visit.form.required("number"))
        visit.remember({self._note("given"): number})
        return self.show(visit)

    def count(self, visit: SignInVisit, target: str) -> None:
        """Counts a text message."""
        self._codes.count_text(visit.call.tenant_id, target, visit.call.counted_ip)

    def write(self, work: Work, visit: SignInVisit, owner: FactorOwner, target: str, code: str) -> None:
        """Writes the message in the language of the page."""
        words = visit.look.texts(_WORDS)
        self._codes.text(work, visit.call.required_tenant, target, code, words if "{code}" in words else CODE_WORDS)

    def confirm(self, work: Work, visit: SignInVisit, owner: FactorOwner, target: str) -> None:
        """Enters the number, at the first time: it stays the person's, whatever the directory says later. One that was
        given here is worth nothing where the person has got another factor meanwhile."""
        now = find_owner(work, visit.call.required_tenant, owner.user.id)
        if now is None or (now.number != target and not now.may_enrol):
            raise SignInOver
        self._noted(work, visit, owner, target)
