"""Passkeys of directory users: stored beside their factors, found by the credential that a browser shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, insert, select

from ostiary.directory.factors.ceremonies import Asserted, Created, read_assertion, read_claim, refused
from ostiary.directory.factors.factors import PASSKEY, NewFactor, add_factor, lock_factors, use_factor
from ostiary.directory.factors.relying_party import RelyingParty
from ostiary.errors import conflict
from ostiary.ids import Entropy, digest
from ostiary.keys.sealing import Sealing
from ostiary.store.prepared import prepared
from ostiary.store.tables import Factor, Passkey, table_of
from ostiary.store.work import Work

HARDWARE, SOFTWARE = "hwk", "swk"
"""How `amr` says that a passkey was proved: one that never leaves its device, or one that may be copied between the
person's devices (RFC 8176 §2)."""

_KEYS, _FACTORS = table_of(Passkey), table_of(Factor)
_COLUMNS = (
    _KEYS.c.factor_id, _KEYS.c.user_id, _KEYS.c.credential_id, _KEYS.c.public_key, _KEYS.c.synced, _KEYS.c.transports,
    _FACTORS.c.counter,
)  # fmt: skip
_WITH_FACTOR = select(*_COLUMNS).join(_FACTORS, _FACTORS.c.id == _KEYS.c.factor_id)
_FIND = prepared(
    _WITH_FACTOR.where(
        _KEYS.c.tenant_id == bindparam("of_tenant"), _KEYS.c.credential_digest == bindparam("its_digest")
    )
)
_LIST = _WITH_FACTOR.where(_KEYS.c.tenant_id == bindparam("of_tenant"), _KEYS.c.user_id == bindparam("of_user"))


@dataclass(frozen=True, slots=True)
class PasskeyView:
    """A passkey of a user; `counter` is the last one that it has shown."""

    factor_id: str
    user_id: str
    credential_id: str
    public_key: str
    synced: bool
    transports: str
    counter: int

    @property
    def method(self) -> str:
        """How `amr` names it."""
        return SOFTWARE if self.synced else HARDWARE


def list_passkeys(work: Work, tenant_id: str, user_id: str) -> Sequence[PasskeyView]:
    """The passkeys of a user."""
    rows = work.rows(_LIST, {"of_tenant": tenant_id, "of_user": user_id})
    return [PasskeyView(**row._asdict()) for row in rows]


def add_passkey(
    work: Work, sealing: Sealing, tenant_id: str, user_id: str, created: Created, name: str, entropy: Entropy,
    now_ms: int,
) -> str:  # fmt: skip
    """Enrols a passkey; the id of its factor. Raises what `add_factor` raises, and PASSKEY_KNOWN (409) for a credential
    that somebody of the tenant has already."""
    new = NewFactor(PASSKEY, name=name, counter=created.counter)
    factor_id = add_factor(work, sealing, tenant_id, user_id, new, entropy, now_ms)
    key = {"of_tenant": tenant_id, "its_digest": digest(created.credential_id)}
    if work.row(_FIND, key) is not None:
        raise conflict("PASSKEY_KNOWN", "This passkey is enrolled already.")
    row = Passkey(
        factor_id=factor_id, tenant_id=tenant_id, user_id=user_id, credential_digest=digest(created.credential_id),
        credential_id=created.credential_id, public_key=created.public_key, algorithm=created.algorithm,
        discoverable=created.discoverable, synced=created.synced, transports=created.transports,
    )  # fmt: skip
    work.run(insert(_KEYS), row.model_dump())
    return factor_id


def prove_passkey(
    work: Work, party: RelyingParty, tenant_id: str, challenge: bytes, answer: str, *, user_id: str = ""
) -> tuple[PasskeyView, Asserted]:
    """The passkey that an answer proves, of the tenant and of this user, if one is given; without one the answer must
    say for whom it was made, and the person be verified. Raises PASSKEY_REFUSED."""
    claim = read_claim(answer)
    row = work.row(_FIND, {"of_tenant": tenant_id, "its_digest": digest(claim.credential_id)})
    if row is None:
        raise refused()
    known = PasskeyView(**row._asdict())
    if (user_id and known.user_id != user_id) or claim.user_handle not in (
        {known.user_id, ""} if user_id else {known.user_id}
    ):
        raise refused()
    asserted = read_assertion(
        party, challenge, answer, public_key=known.public_key, counter=known.counter, must_verify_user=not user_id
    )  # fmt: skip
    return known, asserted


def use_passkey(work: Work, tenant_id: str, known: PasskeyView, asserted: Asserted, now_ms: int) -> None:
    """Notes the use, in the transaction in which it counts: of two proofs with one counter one passes. Raises
    PASSKEY_REFUSED, also where it was removed meanwhile."""
    if not lock_factors(work, tenant_id, known.user_id):
        raise refused()
    counter = asserted.counter or None  # an authenticator without a counter always says 0
    if not use_factor(work, tenant_id, known.user_id, known.factor_id, now_ms, counter):
        raise refused()
