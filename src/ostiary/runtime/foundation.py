"""Foundation: the parts of which all others are built."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from ostiary.access.limits import Limits, read_limits
from ostiary.audit.sink import EventSink
from ostiary.clock import Clock
from ostiary.config import Settings
from ostiary.ids import Entropy
from ostiary.keys.issuers import Issuers
from ostiary.keys.keyring import Keyring
from ostiary.keys.master_key import check_master_key, master_key, older_master_keys
from ostiary.keys.sealing import Sealing
from ostiary.lanes import LaneExecutor
from ostiary.oauth.token.group_commit import GroupCommit
from ostiary.outgoing.client import Outgoing
from ostiary.store import schema
from ostiary.store.copies import check_original
from ostiary.store.engine import Store
from ostiary.store.tenancy import Tenancy

LANES = 4
"""Requests that a worker, on its one core, answers at once; others wait, or take the place of one that does."""


@dataclass(frozen=True, slots=True)
class Foundation:
    """Parts that every feature may use."""

    settings: Settings
    clock: Clock
    entropy: Entropy
    store: Store
    tenancy: Tenancy
    sealing: Sealing
    keys: Keyring
    issuers: Issuers
    limits: Limits
    outgoing: Outgoing
    lanes: LaneExecutor
    group_commit: GroupCommit
    events: EventSink


def open_foundation(settings: Settings, clock: Clock, entropy: Entropy) -> Foundation:
    """Opens the store; raises before anything is served when its schema, its master key or its place is not right."""
    store = Store(settings.database_url, threads=settings.threads)
    with closing(store):  # closed at once: who opens a runtime may fork before using it
        schema.check(settings.database_url, store)
        sealing = Sealing(entropy, master_key(settings), *older_master_keys(settings))
        with store.read() as work:
            check_master_key(work, sealing)
            check_original(work)
    group_commit = GroupCommit(store)
    return Foundation(
        settings, clock, entropy, store, Tenancy(clock), sealing, Keyring(store, sealing, clock),
        Issuers(settings.base_url), read_limits(settings.limits_file), Outgoing(settings.outgoing_allow),
        LaneExecutor(LANES, settings.threads), group_commit, EventSink(clock, group_commit),
    )  # fmt: skip
