"""`ostiary import appid` from servers that count, page and change otherwise than ours: nobody is lost.

Between the command and a real server stands a proxy that answers exports in its own way.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from kit.servers.command import Ended, ostiary_here
from kit.servers.served import Served, served

Json = dict[str, Any]
USERS = 147


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("counting"), workers=1) as running:
        people = [{"scimUser": {"emails": [{"value": f"u{number}@example.com"}]}} for number in range(USERS)]
        for place in range(0, USERS, 50):
            answer = httpx.post(
                f"{running.credentials['managementUrl']}/cloud_directory/import?encryption_secret=none",
                json={"users": people[place : place + 50]}, headers=running.manager(), timeout=30,
            )  # fmt: skip
            assert answer.json()["failed"] == 0
        yield running


Page = tuple[int, Json]


@dataclass
class Way:
    """How a server answers an export. `first` is the place of its first user; `beyond` its status behind the last."""

    first: int = 1
    most: int = 50
    total: Callable[[int], int | None] = lambda count: count
    ignores_place: bool = False
    beyond: int = 200
    leaves: int = 0
    asked: list[str] = field(default_factory=list)

    def page(self, users: list[Json], query: dict[str, list[str]]) -> Page:
        start = int(query.get("startIndex", [str(self.first)])[0]) - self.first
        start = 0 if self.ignores_place else max(start, 0)
        if start >= len(users) and self.beyond != httpx.codes.OK:
            return self.beyond, {"message": "startIndex is behind the last"}
        found = users[start : start + self.most]
        answer: Json = {"itemsPerPage": len(found), "users": found}
        if self.total(len(users)) is not None:
            answer["totalResults"] = self.total(len(users))
        if self.leaves:
            del users[3 : 3 + self.leaves]
            self.leaves = 0
        return 200, answer


class Proxy(ThreadingHTTPServer):
    """Answers exports of users in its way, and hands all else on to the server."""

    def __init__(self, behind: Served, way: Way) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind, self.way = behind, way
        self.users: list[Json] | None = None

    @property
    def management(self) -> str:
        return f"http://127.0.0.1:{self.server_port}{urlsplit(self.behind.credentials['managementUrl']).path}"


class Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        path, headers = urlsplit(self.path), {"authorization": self.headers["authorization"]}
        url = self.server.behind.url
        if not path.path.endswith("/cloud_directory/export"):
            answer = httpx.get(url + self.path, headers=headers, timeout=30)
            return self._answer(answer.status_code, answer.content)
        if self.server.users is None:
            pages = [
                httpx.get(f"{url}{path.path}?encryption_secret=none&startIndex={start}", headers=headers, timeout=30)
                for start in range(1, USERS, 50)
            ]
            self.server.users = [user for page in pages for user in page.json()["users"]]
        status, document = self.server.way.page(self.server.users, parse_qs(path.query))
        return self._answer(status, json.dumps(document).encode())

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def copied(server: Served, way: Way, tenant: str) -> Ended:
    proxy = Proxy(server, way)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        return ostiary_here(
            "import", "appid", "--url", proxy.management, "--iam-url", f"{server.url}/identity/token", "--tenant",
            tenant, "--json", cwd=server.folder, **server.variables, APPID_APIKEY=server.credentials["apikey"],
        )  # fmt: skip
    finally:
        proxy.shutdown()
        proxy.server_close()


WAYS: dict[str, Callable[[], Way]] = {
    "from 1": Way,
    "from 0": lambda: Way(first=0),
    "small pages": lambda: Way(most=7),
    "small pages from 0": lambda: Way(first=0, most=7),
    "large pages": lambda: Way(most=120),
    "no total": lambda: Way(total=lambda _: None),
    "no total from 0": lambda: Way(first=0, total=lambda _: None),
    "full last page": lambda: Way(most=49),
    "full last page from 0": lambda: Way(first=0, most=49),
    "400 behind the last": lambda: Way(most=49, beyond=400),
    "the total of the page": lambda: Way(total=lambda _: 50),
    "people leave": lambda: Way(leaves=5),
    "people leave from 0": lambda: Way(first=0, leaves=5),
}


@pytest.mark.parametrize("name", WAYS)
def test_everybody_comes_once_however_the_source_counts(server: Served, name: str) -> None:
    ended = copied(server, WAYS[name](), name.replace(" ", "-"))
    assert ended.code == 0, ended.stdout + ended.stderr
    assert ended.json()["parts"]["users"] == {"created": USERS}
    notes = [note for note in ended.json()["notes"] if note["part"] == "users"]
    assert bool(notes) == (name.startswith("people leave") or name == "the total of the page"), notes


SHORT: dict[str, tuple[Way, int, str]] = {
    "it does not turn its pages": (Way(ignores_place=True), 50, "50 came, the source says it has 147"),
    "it promises more": (Way(total=lambda count: count + 3), USERS, "147 came, the source says it has 150"),
}


@pytest.mark.parametrize("name", SHORT)
def test_who_did_not_come_is_said(server: Served, name: str) -> None:
    way, came, said = SHORT[name]
    ended = copied(server, way, name.replace(" ", "-"))
    report = ended.json()
    assert (ended.code, report["parts"]["users"]) == (1, {"created": came, "failed": 1})
    assert [note["item"] for note in report["notes"] if note["part"] == "users"] == [said]
