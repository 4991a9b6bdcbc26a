"""Device authorization (RFC 8628) of service accounts: a program shows a short code, and an administrator who types it
grants the program its tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, delete, insert, select, update

from ostiary.directory.roles.granting import Giver, lock_rights
from ostiary.directory.roles.permissions import for_good, refuse_longer
from ostiary.directory.roles.rights import refuse_acting_on
from ostiary.errors import DomainError, Kind, limited
from ostiary.ids import Entropy, digest, new_secret
from ostiary.keys.sealing import Sealing
from ostiary.oauth.platform.service_accounts import (
    DENIED,
    GRANTED,
    get_service_account,
    lock_service_account,
    role_permissions,
)
from ostiary.oauth.token.grants.device_code import DeviceState
from ostiary.store.counters import ExactLimit, count_exactly
from ostiary.store.tables import DeviceAuthorization, table_of
from ostiary.store.work import Work

LIFETIME_S, INTERVAL_S = 900, 5
SLOWER_S = 5
"""The number of seconds that each poll that came too early adds to the interval (RFC 8628 §3.5)."""
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""The letters of user codes: none looks like another, none is a vowel (RFC 8628 §6.1)."""
LENGTH = 8
_DEVICES = table_of(DeviceAuthorization)


@dataclass(frozen=True, slots=True)
class DeviceCodes:
    """What a device is told (RFC 8628 §3.2), once."""

    device_code: str
    user_code: str


@dataclass(frozen=True, slots=True)
class Devices:
    """Devices of all organizations. `limits` has device_authorization, by account, and device_code_user and
    device_code_tenant, by who types codes."""

    sealing: Sealing
    entropy: Entropy
    limits: Mapping[str, ExactLimit]

    def begin(self, work: Work, tenant_id: str, account_id: str, now_ms: int) -> DeviceCodes | None:
        """Begins an authorization for an account; None for an unknown account.

        Raises TOO_MANY_REQUESTS, and `unauthorized_client` for an account that is ACTIVE: who knows its id alone must
        not end its tokens.
        """
        try:
            account = lock_service_account(work, tenant_id, account_id, now_ms)
        except DomainError:
            return None
        self._count(work, tenant_id, "device_authorization", account_id, now_ms)
        if account.status == "ACTIVE":
            message = "The service account is active; an administrator must revoke it first."
            raise DomainError(Kind.INVALID, "ALREADY_ACTIVE", message, oauth_error="unauthorized_client")
        codes = DeviceCodes(new_secret(self.entropy), self._new_user_code())
        row = {
            "digest": digest(codes.device_code), "tenant_id": tenant_id, "account_id": account_id, "decision": "",
            "user_code": self._stored(codes.user_code), "interval_s": INTERVAL_S, "polled_at": None,
            "expires_at": now_ms + LIFETIME_S * 1000,
        }  # fmt: skip
        work.run(insert(_DEVICES), row)
        return codes

    def look_up(self, work: Work, tenant_id: str, user_id: str, user_code: str, now_ms: int) -> Row[Any]:
        """The account for which a device waits that shows this code. Each try counts, exactly: raises
        TOO_MANY_REQUESTS, and DEVICE_NOT_FOUND for a code that no device waits with."""
        device = self._waiting(work, tenant_id, user_id, user_code, now_ms)
        return get_service_account(work, tenant_id, device.account_id, now_ms)

    def decide(
        self, work: Work, tenant_id: str, user_id: str, user_code: str, giver: Giver, now_ms: int, *, granted: bool
    ) -> str:  # fmt: skip
        """Grants or denies the device that shows this code; returns the id of the account. Raises what `look_up`
        raises, and FORBIDDEN where the account may do more than the giver."""
        device = self._waiting(work, tenant_id, user_id, user_code, now_ms)
        lock_rights(work, tenant_id)
        account = lock_service_account(work, tenant_id, device.account_id, now_ms)
        theirs = for_good(role_permissions(work, tenant_id, account.role))
        (refuse_longer if granted else refuse_acting_on)(giver(work), theirs)
        undecided = update(_DEVICES).where(_DEVICES.c.digest == device.digest, _DEVICES.c.decision == "")
        if not work.run(undecided.values(decision=GRANTED if granted else DENIED)):
            raise _no_such_device()
        account_id: str = account.id
        return account_id

    def is_known(self, work: Work, tenant_id: str, account_id: str, device_code: str) -> bool:
        """Whether a device of the account has this device code, ended or not."""
        return work.row(_device(tenant_id, account_id, device_code)) is not None

    def poll(self, work: Work, tenant_id: str, account_id: str, device_code: str, now_ms: int) -> DeviceState:
        """The state of a device that asks for its tokens; an early question slows it down."""
        row = work.row(_device(tenant_id, account_id, device_code).with_for_update())
        if row is None:
            return DeviceState.UNKNOWN
        if row.expires_at <= now_ms:
            return DeviceState.EXPIRED
        if row.decision:
            return DeviceState.GRANTED if row.decision == GRANTED else DeviceState.DENIED
        early = row.polled_at is not None and 0 <= now_ms - row.polled_at < row.interval_s * 1000
        slower = row.interval_s + SLOWER_S * early
        work.run(update(_DEVICES).where(_DEVICES.c.digest == row.digest).values(polled_at=now_ms, interval_s=slower))
        return DeviceState.TOO_FAST if early else DeviceState.PENDING

    def use_up(self, work: Work, tenant_id: str, account_id: str, device_code: str, now_ms: int) -> bool:
        """Ends all devices of an account whose tokens are issued; whether this one was granted, and had not ended."""
        of_account = (_DEVICES.c.tenant_id == tenant_id, _DEVICES.c.account_id == account_id)
        own = (_DEVICES.c.digest == digest(device_code), _DEVICES.c.decision == GRANTED, _DEVICES.c.expires_at > now_ms)
        used = bool(work.run(delete(_DEVICES).where(*of_account, *own)))
        if used:
            work.run(delete(_DEVICES).where(*of_account))
        return used

    def _waiting(self, work: Work, tenant_id: str, user_id: str, user_code: str, now_ms: int) -> Row[Any]:
        self._count(work, tenant_id, "device_code_user", user_id, now_ms)
        self._count(work, tenant_id, "device_code_tenant", "", now_ms)
        found = work.row(
            select(_DEVICES).where(
                _DEVICES.c.tenant_id == tenant_id, _DEVICES.c.user_code == self._stored(user_code),
                _DEVICES.c.expires_at > now_ms, _DEVICES.c.decision == "",
            )
        )  # fmt: skip
        if found is None:
            raise _no_such_device()
        return found

    def _count(self, work: Work, tenant_id: str, name: str, subject: str, now_ms: int) -> None:
        wait = count_exactly(work, tenant_id, self.limits[name], subject, now_ms)
        if wait:
            raise limited("TOO_MANY_REQUESTS", f"Too many tries; wait {wait} seconds.", wait, keep_changes=True)

    def _new_user_code(self) -> str:
        number = int.from_bytes(self.entropy.token_bytes(16), "big")  # so many that no letter is likelier than another
        letters = [LETTERS[number // len(LETTERS) ** place % len(LETTERS)] for place in range(LENGTH)]
        return f"{''.join(letters[:4])}-{''.join(letters[4:])}"

    def _stored(self, user_code: str) -> str:
        """As it is kept: keyed, since a code is short enough to be guessed from its digest."""
        return self.sealing.pseudonym(re.sub(r"[^A-Z]", "", user_code.upper()))


def _device(tenant_id: str, account_id: str, device_code: str) -> Select[Any]:
    of_account = (_DEVICES.c.tenant_id == tenant_id, _DEVICES.c.account_id == account_id)
    return select(_DEVICES).where(_DEVICES.c.digest == digest(device_code), *of_account)


def _no_such_device() -> DomainError:
    message = "No device waits with this code: it is wrong, was decided on, or has expired."
    return DomainError(Kind.NOT_FOUND, "DEVICE_NOT_FOUND", message, keep_changes=True)
