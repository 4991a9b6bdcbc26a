"""Results of exports, imports and removals of directory users, as App ID's messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.protobuf.json_format import ParseDict
from sqlalchemy import Row

from ostiary.clock import rfc3339
from ostiary.directory.transfer.directory_import import Imported
from ostiary.directory.transfer.transfers import DONE, FAILED, kept_ms, reasons_of
from ostiary.directory.transfer.user_import import Refusal
from ostiary.errors import DomainError
from ostiary_api.appid.management.v4 import cloud_directory_transfer_jobs_pb2 as jobs_pb
from ostiary_api.appid.management.v4 import cloud_directory_transfer_pb2 as pb

_STATUS = {DONE: "COMPLETED", FAILED: "FAILED"}


def import_result(imported: Imported) -> pb.CloudDirectoryImportResult:
    """Returns what became of the users of an import."""
    return pb.CloudDirectoryImportResult(
        added=imported.added, failed=len(imported.refused), fail_reasons=map(_failure, imported.refused),
        left_out=_left_out(map(_failure, imported.left_out)),
    )  # fmt: skip


def removal_result(ids: Sequence[str], refused: Mapping[str, DomainError]) -> pb.CloudDirectoryRemovalResult:
    """Returns the result for each user, in the order of the request."""
    failures = [
        pb.CloudDirectoryRemovalFailure(id=user_id, error=_error(refused[user_id]))
        for user_id in dict.fromkeys(ids)
        if user_id in refused
    ]
    return pb.CloudDirectoryRemovalResult(
        removed=len(set(ids)) - len(failures), failed=len(failures), fail_reasons=failures
    )


def export_status(transfer: Row[Any]) -> jobs_pb.CloudDirectoryExportStatus:
    """Returns the status of an export."""
    return jobs_pb.CloudDirectoryExportStatus(
        **_common(transfer), progress=_percent(transfer, transfer.done, transfer.total), total=transfer.total,
        exported=transfer.done,
    )  # fmt: skip


def import_status(transfer: Row[Any]) -> jobs_pb.CloudDirectoryImportStatus:
    """Returns the status of an import."""
    reasons, left_out = (
        [ParseDict(one, pb.CloudDirectoryImportFailure()) for one in reasons_of(transfer, left_out=wanted)]
        for wanted in (False, True)
    )
    return jobs_pb.CloudDirectoryImportStatus(
        **_common(transfer), progress=_percent(transfer, transfer.consumed, transfer.size),
        added=transfer.done - transfer.failed, failed=transfer.failed, fail_reasons=reasons,
        left_out=_left_out(left_out),
    )  # fmt: skip


def _failure(refusal: Refusal) -> pb.CloudDirectoryImportFailure:
    names = refusal.names
    return pb.CloudDirectoryImportFailure(
        original_id=names.get("originalId"), id=names.get("id"), email=names.get("email"),
        user_name=names.get("userName"), error=_error(refusal.error),
    )  # fmt: skip


def _left_out(reasons: Iterable[pb.CloudDirectoryImportFailure]) -> pb.CloudDirectoryImportLeftOut | None:
    """Returns what was left out of users who were added; None if nothing was."""
    shown = pb.CloudDirectoryImportLeftOut(reasons=reasons)
    return shown if shown.reasons else None


def _error(error: DomainError) -> pb.CloudDirectoryTransferError:
    return pb.CloudDirectoryTransferError(code=error.reason, message=error.message)


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
