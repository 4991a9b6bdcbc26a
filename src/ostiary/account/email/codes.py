"""Codes that prove a new mail address: sent to it, and remembered by the form alone, sealed for one session."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ostiary.account.visits import AccountVisit
from ostiary.ids import digest, same
from ostiary.keys.sealing import SealBroken, SealedField, Sealing
from ostiary.self_service.factor_codes import CODE_SECONDS

CEREMONY = "ceremony"
"""The field of the form that has it."""


@dataclass(frozen=True, slots=True)
class SentCode:
    """A code that was sent to an address, of which the digest is kept; it is good until `until` (UTC milliseconds)."""

    address: str
    code: str
    until: int

    def fits(self, code: str) -> bool:
        """Whether it is this code."""
        return same(self.code, digest(code))


def sealed_code(sealing: Sealing, visit: AccountVisit, address: str, code: str) -> str:
    """The form's part of a code that is sent now. Nobody else, and no other session, can use it."""
    facts = {"address": address, "code": digest(code), "until": visit.now_ms + CODE_SECONDS * 1000}
    return sealing.seal(json.dumps(facts).encode(), _place(visit))


def opened_code(sealing: Sealing, visit: AccountVisit) -> SentCode | None:
    """The code of the visit's form; None where it is none of this session."""
    try:
        return SentCode(**json.loads(sealing.open(visit.form.get(CEREMONY), _place(visit))))
    except SealBroken:
        return None


def _place(visit: AccountVisit) -> SealedField:
    return SealedField(visit.tenant.id, "account", f"{visit.user.id} {visit.session.secret}", "email")
