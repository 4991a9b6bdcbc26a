"""Deletions of users in SCIM beside other changes of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from kit.accounts.people import Made
from kit.callers import Caller
from kit.patience import PATIENCE_S, awaited
from kit.scim import CODES, NUMBERS, create, delete, get, refusal, with_header
from sqlalchemy import text

from ostiary.directory.users.changes import set_locale


def test_a_deletion_that_waits_for_a_change_sees_the_version_after_it(
    shared_caller: Caller, shared_owner: Made
) -> None:
    ann = create(shared_caller, shared_owner.call, userName=f"ann{next(NUMBERS)}")
    made, call = shared_caller.installation, with_header(shared_owner.call, "if-match", ann["meta"]["version"])
    store = made.runtime.store

    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    def is_waiting() -> bool:
        with store.read() as work:
            return bool(work.rows(text(waiting)))

    with ThreadPoolExecutor(1) as pool:
        with store.write() as work:
            set_locale(work, made.tenant_id, ann["id"], "fr-FR", made.clock.now_ms())
            deletion = pool.submit(refusal, delete, shared_caller, call, ann["id"])
            if not store.is_sqlite:  # there the transaction itself waits for its turn
                awaited(is_waiting)
        assert deletion.result(PATIENCE_S) == (CODES.FAILED_PRECONDITION, "VERSION_MISMATCH", "")
    assert get(shared_caller, shared_owner.call, ann["id"])["locale"] == "fr-FR"
