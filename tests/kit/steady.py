"""Callers that ask again and again, and note how each of their requests ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import grpc
import httpx
from google.protobuf import json_format
from kit.callers import bearer
from kit.servers.served import NO_AUTHORITIES, Served

from ostiary_api.appid.management.v4 import cloud_directory_users_pb2 as pb
from ostiary_api.appid.management.v4.cloud_directory_users_pb2_grpc import CloudDirectoryUsersServiceStub

ANSWERED, REFUSED = "answered", "refused"
QUICK_RECONNECTS = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 200)]
Ask = Callable[[str], str]
"""Makes a user with this mail address, and says how that ended: ANSWERED, REFUSED, or what else happened. What was done
although its caller was refused shows at the second attempt: the address is taken."""


@dataclass
class Steady:
    """What callers have seen so far: how many users they were told are made, how often they were refused, and
    everything that is neither."""

    made: int = 0
    refused: int = 0
    lost: list[str] = field(default_factory=list)


@contextmanager
def steady(server: Served, *, each: int = 8, alone: int = 4, proxied: bool = False) -> Iterator[Steady]:
    """`each` callers over gRPC and as many over REST on connections that live, and `alone` with a connection for each
    request. Who was refused asks again, for the same user. Behind a proxy that stays, being refused is its 503."""
    seen, over = Steady(), threading.Event()
    token, tenant = server.token(), server.credentials["tenantId"]
    stack = ExitStack()
    channels = [stack.enter_context(channel(server)) for _ in range(each)]
    clients = [stack.enter_context(client(server, token)) for _ in range(each)]
    clients += [stack.enter_context(client(server, token, connection="close")) for _ in range(alone)]
    callers = [
        *(over_grpc(each_channel, token, tenant, proxied=proxied) for each_channel in channels),
        *(over_rest(each_client, tenant, proxied=proxied) for each_client in clients),
    ]
    threads = [threading.Thread(target=_ask_on, args=(seen, over, f"caller{n}", ask)) for n, ask in enumerate(callers)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()
        stack.close()


def _ask_on(seen: Steady, over: threading.Event, caller: str, ask: Ask) -> None:
    names = (f"{caller}-{n}@example.com" for n in count())
    name = next(names)
    while not over.is_set():
        outcome = ask(name)
        if outcome == ANSWERED:
            seen.made += 1  # one thread at a time runs Python; a sum that misses one would fail the test, not pass it
        elif outcome == REFUSED:
            seen.refused += 1
            time.sleep(0.02)
            continue
        else:
            seen.lost.append(f"{name}: {outcome}")
        name = next(names)


def channel(server: Served) -> grpc.Channel:
    """A channel with a connection of its own."""
    return grpc.insecure_channel(f"127.0.0.1:{server.port}", [*QUICK_RECONNECTS, ("grpc.use_local_subchannel_pool", 1)])


def client(server: Served, token: str, **headers: str) -> httpx.Client:
    """A REST client, over HTTP/1.1."""
    return httpx.Client(
        base_url=server.url, headers={"authorization": f"Bearer {token}", **headers}, timeout=30, verify=NO_AUTHORITIES
    )


def over_grpc(channel: grpc.Channel, token: str, tenant: str, *, proxied: bool) -> Ask:
    """Makes users natively."""
    stub = CloudDirectoryUsersServiceStub(channel)

    def ask(name: str) -> str:
        request = json_format.ParseDict({"tenantId": tenant, "user": user(name)}, pb.CreateCloudDirectoryUserRequest())
        try:
            stub.CreateCloudDirectoryUser(request, **bearer(token))
        except grpc.RpcError as error:
            away = proxied or "Connection refused" in (error.details() or "")
            return (
                REFUSED if error.code() is grpc.StatusCode.UNAVAILABLE and away else f"{error.code()} {error.details()}"
            )
        return ANSWERED

    return ask


def over_rest(client: httpx.Client, tenant: str, *, proxied: bool) -> Ask:
    """Makes users over REST."""

    def ask(name: str) -> str:
        try:
            answer = client.post(f"/management/v4/{tenant}/cloud_directory/Users", json=user(name))
        except httpx.ConnectError:
            return REFUSED
        except httpx.TransportError as error:
            return repr(error)
        if proxied and answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            return REFUSED
        return ANSWERED if answer.is_success else f"{answer.status_code} {answer.text}"

    return ask


def user(address: str) -> dict[str, Any]:
    """What is sent for one."""
    return {"emails": [{"value": address}], "password": "correct horse battery"}


def users(server: Served) -> int:
    """How many there are."""
    path = f"/management/v4/{server.credentials['tenantId']}/cloud_directory/Users"
    answer = server.http.get(path, params={"count": 1}, headers=server.manager())
    answer.raise_for_status()
    return int(answer.json()["totalResults"])
