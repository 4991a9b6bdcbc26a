"""Applications are told of the end of a session, however it ends: once each, and again when they did not listen."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

import grpc
import pytest
from kit.accounts.openid import AppIssuer, Issuer, PlatformIssuer
from kit.callers import Caller, serving
from kit.servers.installation import install
from kit.servers.web import Site, site
from sqlalchemy import func, select

from ostiary.oauth.sessions.access_revocation import end_access_of_user
from ostiary.oauth.sessions.sessions import end_sessions_of_user
from ostiary.store.tables import Message, SessionClient, table_of
from ostiary_api.access.v1 import access_pb2 as pb
from ostiary_api.access.v1.access_pb2_grpc import AccessServiceStub

NOTED, OUTBOX = table_of(SessionClient), table_of(Message)
PATH = {"/down": 503, "/refuses": 400}
BAD = (
    "javascript:alert(1)",
    "com.example.app:/out",
    "https://a.example/*",
    "/out",
    "https://u:p@a.example/",
    "x" * 2_001,
)


@pytest.fixture(scope="module")
def shared_caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A caller of an installation that may call clients on this machine."""
    folder = tmp_path_factory.mktemp("notices")
    with serving(install(f"sqlite:///{folder}/ostiary.sqlite3", folder, outgoing_allow="127.0.0.0/8")) as made:
        yield made


@pytest.fixture
def party() -> Iterator[Site]:
    """Applications that are told: at /down one that is down, at /refuses one that does not want to know."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(PATH.get(request.path, 200))
        request.end_headers()

    with site(answer) as running:
        yield running


def subjects(issuer: Issuer, party: Site) -> list[tuple[str, list[str]]]:
    """Whom the applications were told of, with their audiences."""
    tokens = [parse_qs(one.body.decode())["logout_token"][0] for one in party.received]
    return sorted((issuer.verified(token)["sub"], issuer.verified(token)["aud"]) for token in tokens)


def count(issuer: Issuer, table: Any, *where: Any) -> int:
    with issuer.caller.installation.runtime.store.read() as work:
        row = work.row(select(func.count()).select_from(table).where(*where))
    return int(row[0]) if row else 0


@pytest.mark.parametrize("kind", [AppIssuer, PlatformIssuer])
@pytest.mark.parametrize("end", [end_access_of_user, end_sessions_of_user])
def test_each_application_of_a_session_is_told_once(
    shared_caller: Caller, party: Site, kind: type[Issuer], end: Any
) -> None:
    first = kind(shared_caller)
    first.share()
    others = [first.another(), first.another()]
    for one in (first, others[0]):
        one.tell(f"{party.url}/out")
    code = first.sign_in(scope="openid")
    for one in (*others, others[0]):
        one.authorize(scope="openid")
    first.deliver()
    assert party.received == [], "nothing has ended"
    now = shared_caller.installation.clock.now_ms()
    with shared_caller.installation.runtime.store.write() as work:
        end(work, first.tenant_id, first.user.id, now)
    first.deliver()
    first.deliver()
    told = subjects(first, party)
    assert sorted(audience for _, audience in told) == sorted([[first.client_id], [others[0].client_id]])
    assert len({subject for subject, _ in told}) == 1
    assert first.refused(lambda: first.redeem(code)) == "invalid_grant"
    assert count(first, NOTED) == 0


def test_who_is_down_is_told_again_and_who_refuses_is_not(shared_caller: Caller, party: Site) -> None:
    issuer = AppIssuer(shared_caller)
    issuer.share()
    down, refusing = issuer.another(), issuer.another()
    down.tell(f"{party.url}/down")
    refusing.tell(f"{party.url}/refuses")
    for one in (down, refusing):
        one.sign_in(scope="openid")
    down.sign_out(down.sign_out().confirm)
    issuer.deliver()
    assert sorted(one.path for one in party.received) == ["/down", "/refuses"]
    waiting = OUTBOX.c.state == "waiting"
    assert (count(issuer, OUTBOX, waiting), count(issuer, OUTBOX, OUTBOX.c.state == "failed")) == (1, 1)
    PATH.pop("/down")
    shared_caller.installation.clock.advance(3_600)
    issuer.deliver()
    assert [one.path for one in party.received].count("/down") == 2
    assert count(issuer, OUTBOX, waiting) == 0
    first, second = (parse_qs(one.body.decode())["logout_token"][0] for one in party.received if one.path == "/down")
    assert issuer.verified(first)["jti"] == issuer.verified(second)["jti"]


def test_a_manager_says_where_an_application_is_told(shared_caller: Caller) -> None:
    issuer, access = AppIssuer(shared_caller), AccessServiceStub(shared_caller.channel)

    def put(back: str = "", front: str = "", **named: str) -> pb.LogoutUris:
        where = {"tenant_id": issuer.tenant_id, "client_id": issuer.client_id, **named}
        request = pb.SetLogoutUrisRequest(**where, backchannel_logout_uri=back, frontchannel_logout_uri=front)
        return access.SetLogoutUris(request, **shared_caller.as_role("manager"))

    back, front = "https://a.example/back", "https://a.example/front?x=1"
    assert put(back, front) == pb.LogoutUris(
        client_id=issuer.client_id, backchannel_logout_uri=back, frontchannel_logout_uri=front
    )
    for bad in BAD:
        for refused in ((bad, ""), ("", bad)):
            with pytest.raises(grpc.RpcError) as error:
                put(*refused)
            assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT, bad
    with pytest.raises(grpc.RpcError) as error:
        put(back, client_id="nobody")
    assert error.value.code() is grpc.StatusCode.NOT_FOUND
    assert put() == pb.LogoutUris(client_id=issuer.client_id)
