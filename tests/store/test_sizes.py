"""What people leave behind in the store, in bytes with indexes, as docs/operating.md promises it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from kit.servers.installation import ENTROPY, Installation
from sqlalchemy import func, select, text, update

from ostiary.audit.event import Event, record
from ostiary.directory.profiles.profiles import IdentityView, add_identity, new_profile
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.users import create_user
from ostiary.ids import digest
from ostiary.oauth.sessions.refresh import (
    ANSWER_MS,
    APPID,
    ROTATING,
    GrantTerms,
    forget_answers,
    get_grant,
    new_refresh_token,
    open_grant,
    rotate,
)
from ostiary.oauth.sessions.sessions import open_session
from ostiary.store.tables import Grant, RefreshToken, table_of
from ostiary.store.work import Work

FAMILIES, TIMES = 20, 40
ANSWER = {"access_token": "a" * 1_400, "id_token": "i" * 900, "token_type": "Bearer", "expires_in": 3600}
CLIENT = "9a1c9f5e-0d62-4d0b-8a55-0f5d7f0f4a11"
SUBJECT = "5b7f1c0a-7d0e-4a53-9d0c-2f5e0f6a1b22"


def size(made: Installation) -> int:
    """Bytes of all tables and indexes, after the databases have tidied up as they do by themselves."""
    store = made.runtime.store
    with store.writing.connect() as connection:
        if store.is_sqlite:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            pages, free, each = (
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("page_count", "freelist_count", "page_size")
            )
            return int((pages - free) * each)
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM")
        total = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relname NOT LIKE 'pg_%%'"
        return int(connection.exec_driver_sql(total).scalar_one())


def each(made: Installation, times: int, write: Callable[[Work, int], object]) -> float:
    """Bytes of what `write` writes, one of `times`; what fills pages that were there before it does not count."""
    for count in (times // 2, times):
        before = size(made)
        for begin in range(0, count, 50):
            with made.runtime.store.write() as work:
                for number in range(begin, begin + 50):
                    write(work, number)
            # As autovacuum does: room that was given back is used again.
            made.runtime.store.tidy(table_of(Grant), table_of(RefreshToken))
    return (size(made) - before) / times


def family(made: Installation, work: Work, token: str) -> str:
    terms = GrantTerms(ROTATING, APPID, SUBJECT, made.clock.now_ms(), client_id=CLIENT, user_id=SUBJECT, scope="openid")
    open_grant(work, made.tenant_id, terms, token, ENTROPY, made.clock.now_ms(), 2_592_000, new_refresh_token(ENTROPY))
    return token


def test_a_refresh_leaves_what_recognizes_a_second_use_and_no_more(installation: Installation) -> None:
    with installation.runtime.store.write() as work:
        living = [family(installation, work, new_refresh_token(ENTROPY)) for _ in range(FAMILIES)]

    def refresh(work: Work, number: int) -> None:
        place, now = number % FAMILIES, installation.clock.now_ms()
        held = get_grant(work, installation.tenant_id, living[place], (ROTATING,), APPID, now, CLIENT)
        successor = new_refresh_token(ENTROPY)
        answer = {**ANSWER, "access_token": new_refresh_token(ENTROPY) * 22, "refresh_token": successor}
        rotate(work, installation.runtime.sealing, held, successor, answer, now, 2_592_000)
        living[place] = successor
        installation.clock.advance(0.05)

    bytes_each = each(installation, FAMILIES * TIMES, refresh)
    print(f"bytes for each refresh: {bytes_each:.0f}")
    assert bytes_each < 400


def test_the_answer_of_a_refresh_is_gone_soon_after(installation: Installation) -> None:
    token, successor = new_refresh_token(ENTROPY), new_refresh_token(ENTROPY)
    now = installation.clock.now_ms()
    with installation.runtime.store.write() as work:
        family(installation, work, token)
        held = get_grant(work, installation.tenant_id, token, (ROTATING,), APPID, now, CLIENT)
        rotate(work, installation.runtime.sealing, held, successor, {**ANSWER}, now, 2_592_000)

    def answers() -> int:
        with installation.runtime.store.read() as work:
            row = work.row(select(func.count()).select_from(table_of(Grant)).where(text("sealed_answer <> ''")))
        assert row is not None
        return int(row[0])

    store = installation.runtime.store
    assert (forget_answers(store, now + ANSWER_MS - 1), answers()) == (0, 1)
    assert (forget_answers(store, now + ANSWER_MS), answers()) == (1, 0)
    with store.write() as work:  # as a clock leaves it that was a day ahead
        work.run(update(table_of(Grant)).values(sealed_answer="1.x.y", last_used_at=now + 86_400_000))
    assert (forget_answers(store, now), answers()) == (1, 0)


@pytest.mark.parametrize(("what", "most"), [("event", 600), ("sign-in", 1_500), ("session", 900), ("user", 4_400)])
def test_what_people_leave_behind_costs_no_more_than_is_told(installation: Installation, what: str, most: int) -> None:
    made, now = installation, installation.clock.now_ms()

    def event(work: Work, number: int) -> None:
        entry = Event(
            made.tenant_id, "appid.cloud-dir-user.list", initiator_kind="api_key", initiator_id=SUBJECT,
            target_type="appid/cloud-dir-user", target_id=SUBJECT, request_id=SUBJECT,
        )  # fmt: skip
        record(work, now + number, entry)

    def sign_in(work: Work, number: int) -> None:
        family(made, work, digest(f"token {number} {ENTROPY.token_bytes(8)!r}"))

    def session(work: Work, number: int) -> None:
        open_session(
            work, made.tenant_id, "browser", SUBJECT, "pwd", now + number, 86_400, ENTROPY,
            secret=new_refresh_token(ENTROPY), access_epoch=0,
        )  # fmt: skip

    def user(work: Work, number: int) -> None:
        name = ENTROPY.token_bytes(6).hex()
        facts = {"display_name": f"Ada {name}", "given_name": "Ada", "family_name": name}
        new = NewUser(emails=[Contact(f"{name}@example.com")], **facts)
        phc = "$argon2id$v=19$m=19456,t=2,p=1$" + "a" * 66
        made_user = create_user(work, made.tenant_id, new, phc, ENTROPY, now + number)
        known = {"name": f"Ada {name}", "email": f"{name}@example.com"}
        profile = new_profile(work, made.tenant_id, known, ENTROPY, now + number)
        identity = IdentityView("cloud_directory", made_user.id, "{}")
        assert add_identity(work, made.tenant_id, profile, identity, f"{name}@example.com")

    writes = {"event": event, "sign-in": sign_in, "session": session, "user": user}
    bytes_each = each(made, 400, writes[what])
    print(f"bytes for each {what}: {bytes_each:.0f}")
    assert most / 4 < bytes_each < most
