"""Authenticator apps of the account: the picture that an app reads, and its enrolment by the first code."""

from __future__ import annotations

from ostiary.account.factors import prove_factor
from ostiary.account.parts import AccountPage, Change, account_page
from ostiary.account.telling import AccountMessages
from ostiary.account.visits import AccountVisit
from ostiary.audit.factor_events import factor_added
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.directory.factors.authenticator_app import (
    METHOD,
    enrolment_uri,
    find_time_step,
    new_shared_secret,
    shown_key,
)
from ostiary.directory.factors.factors import TOTP, NewFactor, add_factor
from ostiary.directory.factors.typed import typed_code
from ostiary.errors import DomainError, denied, unauthenticated
from ostiary.ids import Entropy
from ostiary.keys.sealing import SealBroken, SealedField, Sealing
from ostiary.login.cookies import set_session
from ostiary.pages.problems import problem_text
from ostiary.pages.qr_codes import qr_code
from ostiary.pages.rendering import HostedPage
from ostiary.pages.texts import marked
from ostiary.store.work import Work

NAME = "authenticator"


class AuthenticatorPage(AccountPage):
    """The picture, the key as text, and the field for the first code."""

    name = NAME

    def __init__(self, entropy: Entropy, sealing: Sealing) -> None:
        self._entropy = entropy
        self._sealing = sealing

    def show(self, visit: AccountVisit, problem: DomainError | None = None, note: str = "") -> HostedPage:
        """Shows the form; after a wrong code with the same key."""
        known = opened(self._sealing, visit) if problem else ""
        secret = known or new_shared_secret(self._entropy)
        uri = enrolment_uri(secret, visit.look.appearance.brand, visit.user.user_name or visit.user.email)
        return account_page(
            "account_authenticator.html", visit, problem_text(visit.look.texts, problem) if problem else "",
            picture=qr_code(uri), uri=uri, name=visit.form.get("name")[:64],
            key=shown_key(secret),
            ceremony=self._sealing.seal(secret.encode(), _place(visit)),
        )  # fmt: skip


class NewAuthenticator(Change):
    """Enrols the app whose first code is right; this session has proved a second factor then, too."""

    name = NAME
    page = NAME
    done = marked("Your authenticator app is set up. From now on you are asked for its code.")

    def __init__(
        self, clock: Clock, entropy: Entropy, sealing: Sealing, messages: AccountMessages, events: EventSink, *,
        secure: bool,
    ) -> None:  # fmt: skip
        self._clock = clock
        self._entropy = entropy
        self._sealing = sealing
        self._messages = messages
        self._events = events
        self._secure = secure

    def make(self, work: Work, visit: AccountVisit, prepared: object) -> str:
        """Stores the key, and tells the person by mail; what the browser's cookie holds from now on. Raises WRONG_CODE,
        ACCOUNT_FORM_OLD for a key of another session, and what `add_factor` raises."""
        secret, name = opened(self._sealing, visit), visit.form.required("name").strip()
        if not secret:
            raise denied("ACCOUNT_FORM_OLD", "The form is not from a page of this browser, or of an earlier sign-in.")
        step = find_time_step(secret, typed_code(visit.form.required("code")), self._clock.now_ms())
        if step is None:
            raise unauthenticated("WRONG_CODE", "The code is wrong.")
        new = NewFactor(TOTP, name=name, secret=secret, counter=step)
        tenant_id, user_id = visit.tenant.id, visit.user.id
        id = add_factor(work, self._sealing, tenant_id, user_id, new, self._entropy, visit.now_ms)
        self._events.emit(work, factor_added(tenant_id, user_id, id, TOTP, visit.call.request_id))
        self._messages.tell(work, visit, f'An authenticator app "{name}" was added.')
        return prove_factor(work, visit, "authenticator", METHOD, self._entropy, self._clock.now_ms())

    def answer(self, visit: AccountVisit, made: str) -> None:
        """Gives the browser its new secret."""
        set_session(visit.call, visit.call.work, visit.tenant, made, secure=self._secure)


def opened(sealing: Sealing, visit: AccountVisit) -> str:
    """The key in a form of this session; empty where it is none."""
    try:
        return sealing.open(visit.form.get("ceremony"), _place(visit)).decode()
    except SealBroken:
        return ""


def _place(visit: AccountVisit) -> SealedField:
    """The key is good for the person and the session that have got it."""
    return SealedField(visit.tenant.id, "account", f"{visit.user.id} {visit.session.secret}", "authenticator")
