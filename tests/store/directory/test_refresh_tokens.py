"""Families of refresh tokens: rotation, grace, reuse, revocation."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from kit.servers.installation import ENTROPY, Installation
from sqlalchemy import select

from ostiary.errors import DomainError
from ostiary.ids import digest
from ostiary.oauth.sessions.refresh import (
    API_TOKEN,
    APPID,
    PLATFORM,
    ROTATING,
    GrantTerms,
    HeldGrant,
    Overtaken,
    Reused,
    get_grant,
    list_api_tokens,
    new_refresh_token,
    open_grant,
    repeated_answer,
    revoke_grant,
    revoke_grants_of,
    rotate,
)
from ostiary.store.tables import RevokedToken, table_of

CLIENT, SUBJECT, USER = "client-1", "profile-1", "user-1"
LIFETIME_S = 86_400


def opened(made: Installation, kind: str = ROTATING, audience: str = APPID, access_token: str = "access-1") -> str:
    token = new_refresh_token(ENTROPY)
    now = made.clock.now_ms()
    terms = GrantTerms(kind, audience, SUBJECT, now, client_id=CLIENT, user_id=USER, name="script")
    with made.runtime.store.write() as work:
        open_grant(work, made.tenant_id, terms, token, ENTROPY, now, LIFETIME_S, access_token)
    return token


def found(
    made: Installation, token: str, kind: str = ROTATING, audience: str = APPID, client: str = CLIENT
) -> HeldGrant:
    with made.runtime.store.read() as work:
        return get_grant(work, made.tenant_id, token, (kind,), audience, made.clock.now_ms(), client)


def rotated(made: Installation, held: HeldGrant, access_token: str = "access-2") -> str:
    successor = new_refresh_token(ENTROPY)
    answer = {"access_token": access_token, "refresh_token": successor}
    with made.runtime.store.write() as work:
        rotate(work, made.runtime.sealing, held, successor, answer, made.clock.now_ms(), LIFETIME_S)
    return successor


def revoked(made: Installation) -> set[str]:
    with made.runtime.store.read() as work:
        return {row.digest for row in work.rows(select(table_of(RevokedToken).c.digest))}


def test_a_token_is_opaque_lower_case_hex() -> None:
    token = new_refresh_token(ENTROPY)
    assert len(token) == 64
    assert set(token) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:-1],
        lambda token: token + "0",
        lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
        lambda token: token.upper(),
        lambda token: "",
    ],
)
def test_a_token_that_differs_in_one_place_is_unknown(installation: Installation, spoil: Callable[[str], str]) -> None:
    token = spoil(opened(installation)) or "-"
    with pytest.raises(DomainError, match="INVALID_GRANT"):
        found(installation, token)


@pytest.mark.parametrize(
    ("kind", "audience", "client"),
    [(API_TOKEN, APPID, CLIENT), (ROTATING, PLATFORM, CLIENT), (ROTATING, APPID, "client-2"), (ROTATING, APPID, "")],
)
def test_a_token_serves_its_own_kind_audience_and_client_only(
    installation: Installation, kind: str, audience: str, client: str
) -> None:
    token = opened(installation)
    with pytest.raises(DomainError, match="INVALID_GRANT"):
        found(installation, token, kind, audience, client)


def test_another_tenant_does_not_know_the_token(installation: Installation) -> None:
    token, other = opened(installation), installation.new_tenant("other")
    with installation.runtime.store.read() as work, pytest.raises(DomainError, match="INVALID_GRANT"):
        get_grant(work, other, token, (ROTATING,), APPID, installation.clock.now_ms(), CLIENT)


def test_each_use_starts_the_lifetime_anew(installation: Installation) -> None:
    token = opened(installation)
    for _ in range(3):
        installation.clock.advance(LIFETIME_S - 1)
        token = rotated(installation, found(installation, token))
    installation.clock.advance(LIFETIME_S)
    with pytest.raises(DomainError, match="INVALID_GRANT"):
        found(installation, token)


def test_a_repetition_within_ten_seconds_gets_the_same_answer(installation: Installation) -> None:
    token = opened(installation)
    successor = rotated(installation, found(installation, token))
    installation.clock.advance(9.9)
    repeated = repeated_answer(installation.runtime.sealing, found(installation, token))
    assert repeated == {"access_token": "access-2", "refresh_token": successor}


def test_after_ten_seconds_a_second_use_is_reuse(installation: Installation) -> None:
    token = opened(installation)
    rotated(installation, found(installation, token))
    installation.clock.advance(10)
    with pytest.raises(Reused):
        found(installation, token)


def test_a_clock_that_is_set_back_lets_nobody_repeat(installation: Installation) -> None:
    token = opened(installation)
    rotated(installation, found(installation, token))
    installation.clock.advance(-3_600)
    with pytest.raises(Reused):
        found(installation, token)


def test_once_the_successor_is_used_a_second_use_is_reuse(installation: Installation) -> None:
    token = opened(installation)
    rotated(installation, found(installation, rotated(installation, found(installation, token))))
    with pytest.raises(Reused):
        found(installation, token)


def test_of_two_uses_at_once_only_one_rotates(installation: Installation) -> None:
    held = found(installation, opened(installation))
    rotated(installation, held)
    with pytest.raises(Overtaken):
        rotated(installation, held)


def test_a_grant_revoked_meanwhile_does_not_rotate(installation: Installation) -> None:
    held = found(installation, opened(installation))
    with installation.runtime.store.write() as work:
        assert revoke_grant(work, installation.tenant_id, held.grant_id, installation.clock.now_ms())
    with pytest.raises(Overtaken):
        rotated(installation, held)


@pytest.mark.parametrize("step_back_s", [0, -3_600])
def test_a_revoked_family_stays_dead_with_its_access_tokens(installation: Installation, step_back_s: int) -> None:
    token = opened(installation)
    successor = rotated(installation, found(installation, token))
    held = found(installation, successor)
    with installation.runtime.store.write() as work:
        revoke_grant(work, installation.tenant_id, held.grant_id, installation.clock.now_ms())
    installation.clock.advance(step_back_s)
    for dead in (token, successor):
        with pytest.raises(DomainError, match="INVALID_GRANT"):
            found(installation, dead)
    assert revoked(installation) == {digest("access-1"), digest("access-2")}


@pytest.mark.parametrize("of", [{"subject": SUBJECT}, {"user_id": USER}, {"client_id": CLIENT}])
def test_grants_die_with_their_subject_user_or_client(installation: Installation, of: dict[str, str]) -> None:
    tokens = [opened(installation, access_token=f"access-{turn}") for turn in range(2)]
    with installation.runtime.store.write() as work:
        assert revoke_grants_of(work, installation.tenant_id, installation.clock.now_ms(), **of) == 2
    for token in tokens:
        with pytest.raises(DomainError, match="INVALID_GRANT"):
            found(installation, token)
    assert revoked(installation) == {digest("access-0"), digest("access-1")}


def test_an_api_token_is_used_again_and_listed_until_revoked(installation: Installation) -> None:
    token = opened(installation, API_TOKEN, PLATFORM)
    held, again = (found(installation, token, API_TOKEN, PLATFORM) for _ in range(2))
    assert held == again
    now = installation.clock.now_ms()
    with installation.runtime.store.read() as work:
        assert [row.name for row in list_api_tokens(work, installation.tenant_id, USER, now)] == ["script"]
    with installation.runtime.store.write() as work:
        revoke_grant(work, installation.tenant_id, held.grant_id, now)
    with installation.runtime.store.read() as work:
        assert list_api_tokens(work, installation.tenant_id, USER, now) == []
    with pytest.raises(DomainError, match="INVALID_GRANT"):
        found(installation, token, API_TOKEN, PLATFORM)
