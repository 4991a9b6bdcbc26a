"""Asking for a passkey: what a page hands to the browser, and the challenge that ties the answer to the visit."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from ostiary.directory.factors.ceremonies import request_options
from ostiary.directory.factors.relying_party import RelyingParty
from ostiary.login.visits import SignInVisit
from ostiary.oauth.authorize.transactions import BrowserHalf, SignInOver
from ostiary.pages.scripts import PASSKEYS

CREDENTIAL = "credential"
"""The field with the browser's answer."""


@dataclass(frozen=True, slots=True)
class PasskeyBox:
    """The part of a form that asks for a passkey. `options` are JSON for the browser, `step` the one that the answer is
    sent to, `script` the address of what asks; `offered`: the browser offers its passkeys where the name is typed."""

    options: str
    step: str
    script: str = PASSKEYS.path
    offered: bool = False


def box_of(
    visit: SignInVisit, party: RelyingParty, step: str, known: Iterable[tuple[str, str]] = (), *, offered: bool = False
) -> PasskeyBox:
    """The box of a form of this visit: call it after `visit.hidden`."""
    return PasskeyBox(request_options(party, challenge_of(visit), known), step, offered=offered)


def challenge_of(visit: SignInVisit) -> bytes:
    """The challenge of the form that the browser has. It is made of the secret of this version of the sign-in, which is
    in the browser's cookie: each form has another one, no other browser has it, and it is good once, as the form is."""
    browser: BrowserHalf | None = visit.browser
    if browser is None:
        raise SignInOver
    return hmac.new(browser.secret.encode(), f"passkey {browser.handle}".encode(), hashlib.sha256).digest()
