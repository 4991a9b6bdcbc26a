"""Status of an export or import, as callers see it."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import ParseDict
from sqlalchemy import Row

from ostiary.clock import rfc3339
from ostiary.directory.transfer.directory_import import omissions
from ostiary.directory.transfer.transfers import DONE, FAILED, kept_ms, reasons_of
from ostiary_api.appid.management.v4 import cloud_directory_transfer_jobs_pb2 as pb
from ostiary_api.appid.management.v4 import cloud_directory_transfer_pb2 as users_pb

_STATUS = {DONE: "COMPLETED", FAILED: "FAILED"}


def export_status(transfer: Row[Any]) -> pb.CloudDirectoryExportStatus:
    """Returns the status of an export."""
    return pb.CloudDirectoryExportStatus(
        **_common(transfer), progress=_percent(transfer, transfer.done, transfer.total), total=transfer.total,
        exported=transfer.done,
    )  # fmt: skip


def import_status(transfer: Row[Any]) -> pb.CloudDirectoryImportStatus:
    """Returns the status of an import."""
    reasons, left_out = (
        [ParseDict(one, users_pb.CloudDirectoryImportFailure()) for one in reasons_of(transfer, left_out=wanted)]
        for wanted in (False, True)
    )
    return pb.CloudDirectoryImportStatus(
        **_common(transfer), progress=_percent(transfer, transfer.consumed, transfer.size),
        added=transfer.done - transfer.failed, failed=transfer.failed, fail_reasons=reasons,
        left_out=omissions(left_out),
    )  # fmt: skip


def _common(transfer: Row[Any]) -> dict[str, Any]:
    # Until it has ended, expires_at is when the job would be given up; kept is what comes of it, from its end on.
    expires = transfer.expires_at if transfer.finished_at else transfer.created_at + kept_ms(transfer)
    return {
        "id": transfer.id, "status": _STATUS.get(transfer.state, "IN_PROGRESS"),
        "created": rfc3339(transfer.created_at), "expires": rfc3339(expires),
        "finished": rfc3339(transfer.finished_at) if transfer.finished_at else None, "error": transfer.error or None,
    }  # fmt: skip


def _percent(transfer: Row[Any], done: int, total: int) -> int:
    """100 only when it has ended."""
    return 100 if transfer.state == DONE else min(99, 100 * done // total) if total else 0
