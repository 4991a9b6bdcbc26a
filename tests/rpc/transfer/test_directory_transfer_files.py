"""The files of imports: their forms, what may be in them, and what a hostile one cannot do."""

from __future__ import annotations

import codecs
import gzip
import json
import tracemalloc
from collections.abc import Iterator
from functools import partial
from typing import Any

import grpc
import pytest
from google.api import httpbody_pb2
from kit.accounts.directory import INVALID, TAKEN, People
from kit.accounts.transfers import (
    FORM,
    PARTS,
    SECRET,
    TRANSFERS,
    begin_import,
    count,
    crowd,
    form,
    import_status,
    upload,
    work,
)
from kit.callers import Caller, refusal, serving
from kit.patience import awaited
from kit.servers.installation import Installation

from ostiary.directory.transfer import user_file
from ostiary_api.appid.management.v4 import cloud_directory_transfer_jobs_pb2 as pb
from ostiary_api.appid.management.v4.cloud_directory_transfer_jobs_pb2_grpc import CloudDirectoryTransferJobsServiceStub


@pytest.fixture
def target(caller: Caller) -> People:
    return People(caller, "manager")


@pytest.mark.parametrize(
    "pack",
    [
        lambda data: data,
        gzip.compress,
        lambda data: gzip.compress(data[:90]) + gzip.compress(data[90:]),
        lambda data: codecs.BOM_UTF8 + data,
        lambda data: gzip.compress(codecs.BOM_UTF8 + data),
        lambda data: gzip.compress(codecs.BOM_UTF8[:1]) + gzip.compress(codecs.BOM_UTF8[1:] + data),
    ],
)
def test_a_file_may_be_plain_or_compressed_and_hold_more_than_users(target: People, pack: Any) -> None:
    document = {"itemsPerPage": 3, "requestOptions": {"users": [1]}, **crowd(3), "totalResults": 3, "more": [[{}]]}
    job = begin_import(target, pack(json.dumps(document).encode()))
    work(target)
    assert (import_status(target, job)["status"], import_status(target, job)["added"]) == ("COMPLETED", 3)


BROKEN: list[tuple[bytes, int]] = [
    (b"no json", 0),
    (codecs.BOM_UTF8, 0),
    (codecs.BOM_UTF8 * 2 + json.dumps(crowd(1)).encode(), 0),
    (json.dumps(crowd(1)).encode("utf-16"), 0),
    (b"[]", 0),
    (b'{"users": 5}', 0),
    (b'{"users": []}', 0),
    (b"\x1f\x8bno gzip", 0),
    (json.dumps(crowd(3)).encode()[:-5], 2),
    (json.dumps(crowd(3)).encode() + b"}", 3),
    (gzip.compress(json.dumps(crowd(3)).encode())[:-9], 0),
    (json.dumps(crowd(1)).encode().replace(b"user0", b"\xff\xfe"), 0),
    (json.dumps(crowd(2)).encode()[:-2] + b', {"scimUser": "' + b"x" * 1_300_000 + b'"}]}', 2),
]


@pytest.mark.parametrize(("file", "added"), BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_fails_and_leaves_the_users_before_the_break(target: People, file: bytes, added: int) -> None:
    job = begin_import(target, file)
    work(target)
    done = import_status(target, job)
    assert (done["status"], done["added"]) == ("FAILED", added)
    assert done["error"]
    assert count(target) == added
    assert count(target, PARTS) == 0
    assert begin_import(target, crowd(1)), "and another may begin"


def test_a_small_file_that_becomes_a_huge_one_is_read_in_bounded_memory(
    target: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_file, "MAX_TEXT_BYTES", 20_000_000)
    spaces = gzip.compress(b'{"users": [' + b" " * 60_000_000 + b"]}")
    users = gzip.compress(b'{"users": [' + b",".join([b'"' + b"x" * 900_000 + b'"'] * 40) + b"]}")
    for bomb, reason in ((spaces, "at most 1048576 bytes"), (users, "more than 20000000 bytes")):
        job = begin_import(target, bomb)
        tracemalloc.start()
        work(target)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert reason in import_status(target, job)["error"]
        assert peak < 30_000_000


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b"", "multipart/form-data; boundary=x", "MALFORMED_REQUEST"),
        (b"{}", "application/json", "MALFORMED_BODY"),
        (b"x", "multipart/form-data", "MALFORMED_BODY"),
        (form(b"{}", encryptionSecret=SECRET)[:-9], "", "MALFORMED_BODY"),
        (form(None, encryptionSecret=SECRET), "", "FILE_MISSING"),
        (form(b"{}"), "", "INVALID_ENCRYPTION_SECRET"),
        (form(b"{}", encryptionSecret=SECRET, emailAddress="nobody"), "", "INVALID_EMAIL"),
        (form(b"{}", encryptionSecret="x" * 70_000), "", "FORM_TOO_LARGE"),
    ],
)
def test_a_form_that_is_none_is_refused_and_leaves_nothing(target: People, body: bytes, kind: str, reason: str) -> None:
    send = partial(upload, target, body, kind) if kind else partial(upload, target, body)
    assert refusal(send) == (INVALID, reason)
    assert (count(target, TRANSFERS), count(target, PARTS)) == (0, 0)
    assert begin_import(target, crowd(1))


def test_a_file_has_a_largest_size(installation: Installation) -> None:
    with serving(installation.with_settings(max_file_bytes=1 << 20)) as caller:
        people = People(caller, "manager")
        body = form(b"x" * (1 << 20) + b"x", encryptionSecret=SECRET)
        assert refusal(lambda: upload(people, body, size=500_000)) == (INVALID, "FILE_TOO_LARGE")
        assert count(people, PARTS) == 0


def test_an_upload_that_breaks_off_leaves_nothing(target: People) -> None:
    body = form(b"x" * 600_000, encryptionSecret=SECRET)

    def messages() -> Iterator[pb.ImportAllCloudDirectoryUsersRequest]:
        piece = httpbody_pb2.HttpBody(content_type=FORM, data=body[:500_000])
        yield pb.ImportAllCloudDirectoryUsersRequest(tenant_id=target.tenant_id, form=piece)
        raise ConnectionError

    stub = CloudDirectoryTransferJobsServiceStub(target.caller.channel)
    with pytest.raises(grpc.RpcError):
        stub.ImportAllCloudDirectoryUsers(messages(), **target.credentials)
    # It may reach the server after we gave it up: until it has broken off there, another one is a second at a time.
    awaited(lambda: refusal(lambda: begin_import(target, crowd(1)))[0] is not TAKEN)
    assert count(target, TRANSFERS) == 1
