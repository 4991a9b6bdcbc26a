"""Change of the mail address: a code is sent to the new one, which takes the place of the old one with the code.

Whether somebody else has the address is not said: no mail goes there then, and the page is the same. The old address
gets a mail of the change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ostiary.account.email.codes import CEREMONY, SentCode, opened_code, sealed_code
from ostiary.account.email.page import EMAIL, code_page
from ostiary.account.parts import Change
from ostiary.account.telling import AccountMessages
from ostiary.account.visits import AccountVisit
from ostiary.audit.factor_events import factor_removed
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.directory.factors.factors import EMAIL as BY_EMAIL
from ostiary.directory.factors.factors import list_factors, lock_factors, remove_factor
from ostiary.directory.factors.tries import FactorTries, forget_tries
from ostiary.directory.factors.typed import typed_code
from ostiary.directory.users.changes import amend_user, verify_address
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import UserChange
from ostiary.directory.users.users import UserView, find_by_login
from ostiary.errors import denied
from ostiary.keys.sealing import Sealing
from ostiary.login.second_factor.checking import expired_code, used_code, wrong_code
from ostiary.names import email_key
from ostiary.pages.rendering import HostedPage
from ostiary.pages.texts import marked
from ostiary.self_service.factor_codes import FactorCodes
from ostiary.self_service.mail_actions import SelfService
from ostiary.store.replay import use_once
from ostiary.store.work import Work

_KIND = "new mail address"


@dataclass(frozen=True, slots=True)
class SendEmailCode(Change):
    """Sends a code to the new address."""

    self_service: SelfService
    codes: FactorCodes
    sealing: Sealing
    name = "email_code"
    page = EMAIL
    done = ""

    def prepare(self, visit: AccountVisit) -> tuple[str, str]:
        """The address and a code. Raises SELF_SERVICE_DISABLED, MISSING_FIELD, INVALID_EMAIL, TOO_MANY_MESSAGES."""
        call = visit.call
        self.self_service.check_page(call.work, visit.tenant)
        address = visit.form.required(EMAIL).strip()
        email_key(address)
        call.release()
        self.codes.count_mail(visit.tenant.id, address, call.counted_ip)
        return address, self.codes.new()

    def make(self, work: Work, visit: AccountVisit, prepared: tuple[str, str]) -> tuple[str, str]:
        """Puts the mail into the outbox, unless somebody else has the address; the address and the form's part of the
        code."""
        address, code = prepared
        if find_by_login(work, visit.tenant.id, address) in (None, visit.user.id):
            there = replace(visit.user, emails=(Contact(address, primary=True),))
            self.codes.mail(work, visit.tenant, there, code, visit.look.language)
        return address, sealed_code(self.sealing, visit, address, code)

    def answer(self, visit: AccountVisit, made: tuple[str, str]) -> HostedPage:
        """The form for the code."""
        return code_page(visit, *made)


@dataclass(frozen=True, slots=True)
class NewEmail(Change):
    """Takes the code, and puts the new address in place of the old one."""

    clock: Clock
    self_service: SelfService
    sealing: Sealing
    tries: FactorTries
    messages: AccountMessages
    events: EventSink
    name = EMAIL
    page = EMAIL
    always = True  # the sign-in was recent when the code was sent, and the form is of that session
    done = marked("Your email address is changed.")

    def prepare(self, visit: AccountVisit) -> SentCode:
        """Counts the try as one at a second factor, then compares. Raises SELF_SERVICE_DISABLED, ACCOUNT_FORM_OLD,
        MISSING_FIELD, CODE_EXPIRED, TOO_MANY_CODES, WRONG_CODE."""
        call, code = visit.call, typed_code(visit.form.required("code"))
        self.self_service.check_page(call.work, visit.tenant)
        sent = opened_code(self.sealing, visit)
        if sent is None:
            raise denied("ACCOUNT_FORM_OLD", "The form is not from a page of this browser, or of an earlier sign-in.")
        if sent.until <= visit.now_ms:
            raise expired_code()
        call.release()
        self.tries.count(visit.tenant.id, visit.user.id, call.request_id)
        if not sent.fits(code):
            raise wrong_code()
        return sent

    def make(self, work: Work, visit: AccountVisit, prepared: SentCode) -> None:
        """Stores the address as the primary one, proved, and tells the old one. Raises CODE_USED, EMAIL_TAKEN."""
        tenant_id, user_id, now_ms = visit.tenant.id, visit.user.id, self.clock.now_ms()
        lock_factors(work, tenant_id, user_id)  # first, since it locks the person
        if not use_once(work, tenant_id, _KIND, visit.form.get(CEREMONY), prepared.until):
            raise used_code()
        amend_user(work, tenant_id, user_id, lambda user: _with_primary(user, prepared.address), now_ms)
        verify_address(work, tenant_id, user_id, email_key(prepared.address), now_ms)
        forget_tries(work, tenant_id, user_id)
        self._forget_old(work, visit, prepared.address)
        self.messages.tell(work, visit, "The email address of the account was changed.")

    def _forget_old(self, work: Work, visit: AccountVisit, address: str) -> None:
        """Codes by mail go to the new address from now on: the factor of another one is none any more."""
        tenant_id, user_id, who = visit.tenant.id, visit.user.id, ("user", visit.user.id)
        for factor in list_factors(work, tenant_id, user_id):
            if factor.kind == BY_EMAIL and factor.target != address:
                for gone in remove_factor(work, tenant_id, user_id, factor.id):
                    self.events.emit(work, factor_removed(tenant_id, who, gone.id, gone.kind, visit.call.request_id))


def _with_primary(user: UserView, address: str) -> UserChange:
    """The change of the primary address; others, and all else, stay."""
    key = email_key(address)
    others = tuple(one for one in user.emails if not one.primary and email_key(one.value) != key)
    return UserChange(
        given_name=user.given_name, family_name=user.family_name, display_name=user.display_name, locale=user.locale,
        phones=user.phones, further=user.further, emails=(Contact(address, primary=True), *others),
    )  # fmt: skip
