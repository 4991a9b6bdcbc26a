"""What tests of exports and imports need: users on their way, files of them, and the jobs behind both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from google.api import httpbody_pb2
from kit.accounts.directory import Json, People, body, unwrapped
from sqlalchemy import func, select

from ostiary.app import job_kinds
from ostiary.background.jobs import run_jobs
from ostiary.store.tables import Password, Profile, Transfer, TransferPart, User, table_of
from ostiary_api.appid.management.v4 import cloud_directory_transfer_jobs_pb2 as pb
from ostiary_api.appid.management.v4.cloud_directory_transfer_jobs_pb2_grpc import CloudDirectoryTransferJobsServiceStub

SECRET = "a secret between two tenants"
SERVICE = "CloudDirectoryTransferJobsService"
USERS, TRANSFERS, PARTS, PASSWORDS = table_of(User), table_of(Transfer), table_of(TransferPart), table_of(Password)
PROFILES = table_of(Profile)
BOUNDARY = "b0undary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def listed(people: People) -> list[Json]:
    found: list[Json] = people.users("ListCloudDirectoryUsers")["Resources"]
    return found


def stored_hash(people: People, user_id: str) -> str:
    with people.made.runtime.store.read() as work:
        row = work.row(select(PASSWORDS.c.hash).where(PASSWORDS.c.user_id == user_id))
    assert row is not None
    return str(row.hash)


def arriving(address: str, phc: str = "", **facts: Any) -> Json:
    """A user of another system, as somebody would write one down."""
    scim = {"originalId": f"old-{address}", "emails": [{"value": address, "primary": True}], "status": "CONFIRMED"}
    return {"scimUser": {**scim, **facts}, "passwordHash": phc, "passwordHashAlg": "", "profile": {"attributes": {}},
            "roles": []}  # fmt: skip


def work(people: People) -> None:
    """What the background process does."""
    made = people.made
    run_jobs(made.runtime.store, made.clock, "background", job_kinds(made.runtime))


def begin_export(people: People, **options: Any) -> str:
    asked = {"encryptionSecret": SECRET, **options}
    return str(people.manage(f"{SERVICE}/ExportAllCloudDirectoryUsers", options=asked)["id"])


def export_status(people: People, id: str) -> Json:
    return people.manage(f"{SERVICE}/GetCloudDirectoryExportStatus", id=id)


def import_status(people: People, id: str) -> Json:
    return people.manage(f"{SERVICE}/GetCloudDirectoryImportStatus", id=id)


def bodies_of(people: People, id: str) -> list[httpbody_pb2.HttpBody]:
    stub = CloudDirectoryTransferJobsServiceStub(people.caller.channel)
    request = pb.DownloadCloudDirectoryExportRequest(tenant_id=people.tenant_id, id=id)
    return list(stub.DownloadCloudDirectoryExport(request, **people.credentials))


def download(people: People, id: str) -> bytes:
    bodies = bodies_of(people, id)
    assert {body.content_type for body in bodies} == {"application/gzip"}
    return b"".join(body.data for body in bodies)


def form(file: bytes | None, **fields: str) -> bytes:
    """A multipart body."""
    parts = [("file", 'filename="users.json.gz"', file)] if file is not None else []
    named = [*parts, *((name, "", value.encode()) for name, value in fields.items())]
    text = b"".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{"; " + more if more else ""}\r\n\r\n'.encode()
        + content + b"\r\n"
        for name, more, content in named
    )  # fmt: skip
    return text + f"--{BOUNDARY}--\r\n".encode()


def upload(people: People, body: bytes, kind: str = FORM, size: int = 10_000) -> str:
    """Sends a body in pieces; the id of the job."""

    def messages() -> Iterator[pb.ImportAllCloudDirectoryUsersRequest]:
        for place in range(0, len(body), size):
            piece = httpbody_pb2.HttpBody(content_type="" if place else kind, data=body[place : place + size])
            tenant_id = "" if place else people.tenant_id
            yield pb.ImportAllCloudDirectoryUsersRequest(tenant_id=tenant_id, form=piece)

    stub = CloudDirectoryTransferJobsServiceStub(people.caller.channel)
    return str(stub.ImportAllCloudDirectoryUsers(messages(), **people.credentials).id)


def begin_import(people: People, file: Any, secret: str = SECRET, **fields: str) -> str:
    content = file if isinstance(file, bytes) else json.dumps(file).encode()
    return upload(people, form(content, encryptionSecret=secret, **fields))


def count(people: People, table: Any = USERS) -> int:
    with people.made.runtime.store.read() as work_:
        row = work_.row(select(func.count()).where(table.c.tenant_id == people.tenant_id))
    assert row is not None
    return int(row[0])


def crowd(number: int) -> Json:
    return {"users": [arriving(f"user{place}@example.com") for place in range(number)]}


def export(people: People, secret: str = SECRET, **paging: int) -> Json:
    """A page of the users, as an export writes them."""
    method = "CloudDirectoryTransferService/ExportCloudDirectoryUsers"
    return unwrapped(people.manage(method, encryption_secret=secret, **paging))


def import_(people: People, document: Any, secret: str = SECRET) -> Json:
    """What an import says that it did."""
    method = "CloudDirectoryTransferService/ImportCloudDirectoryUsers"
    return people.manage(method, encryption_secret=secret, users=body(document))


def remove(people: People, ids: list[str]) -> Json:
    """What a bulk removal says that it did."""
    return people.manage("CloudDirectoryTransferService/BulkRemoveCloudDirectoryUsers", selection={"ids": ids})


def bring(people: People, *users: Json) -> Json:
    """What an import of these users says that it did."""
    return import_(people, {"users": list(users)})
