"""App ID management: exports and imports of whole directories."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from ostiary.directory.transfer.export_job import MEDIA_TYPE
from ostiary.directory.transfer.files import PART_BYTES
from ostiary.directory.transfer.transfers import EXPORT, IMPORT, no_file
from ostiary.http.uploads import FormStream
from ostiary.runtime import Runtime
from ostiary.services.appid.directory.transfer_messages import export_status, import_status
from ostiary.transport.call import current_call
from ostiary.transport.transfer_limits import TransferLimit, TransferPermit
from ostiary_api.appid.management.v4 import cloud_directory_transfer_jobs_pb2 as pb
from ostiary_api.appid.management.v4 import cloud_directory_transfer_jobs_pb2_grpc

MOST_DOWNLOADS = 4
"""The limit for each worker: each download holds a thread for as long as its client reads."""
FILE, SECRET, EMAIL = "file", "encryptionSecret", "emailAddress"


class CloudDirectoryTransferJobsServicer(
    cloud_directory_transfer_jobs_pb2_grpc.CloudDirectoryTransferJobsServiceServicer
):
    """Exports and imports of whole directories."""

    def __init__(self, runtime: Runtime) -> None:
        self._ciphers = runtime.directory.transfer_ciphers
        self._transfers = runtime.directory.transfers
        self._messages = runtime.messages.users
        self._store = runtime.store
        self._most_bytes = runtime.settings.max_file_bytes
        self._downloads = TransferLimit(MOST_DOWNLOADS)

    def ExportAllCloudDirectoryUsers(
        self, request: pb.ExportAllCloudDirectoryUsersRequest, context: grpc.ServicerContext
    ) -> pb.CloudDirectoryTransferJob:
        call, options = current_call(), request.options
        self._check(request.tenant_id, options.encryption_secret, options.email_address)
        days = options.expires if options.HasField("expires") else None
        with call.transaction() as work:
            call.audit_target = self._transfers.begin_export(
                work, request.tenant_id, options.encryption_secret, options.email_address, days
            )
        return pb.CloudDirectoryTransferJob(id=call.audit_target)

    def GetCloudDirectoryExportStatus(
        self, request: pb.GetCloudDirectoryExportStatusRequest, context: grpc.ServicerContext
    ) -> pb.CloudDirectoryExportStatus:
        return export_status(self._transfers.get(current_call().work, request.tenant_id, EXPORT, request.id))

    def DownloadCloudDirectoryExport(
        self, request: pb.DownloadCloudDirectoryExportRequest, context: grpc.ServicerContext
    ) -> Iterator[httpbody_pb2.HttpBody]:
        call = current_call()
        transfer = self._transfers.get(call.work, request.tenant_id, EXPORT, request.id)
        pieces = self._transfers.file(transfer).pieces(self._store, transfer.parts)
        call.headers.append(("content-disposition", f'attachment; filename="users-{transfer.id}.json.gz"'))
        return _bodies(pieces, self._downloads.take())

    def DeleteCloudDirectoryExport(
        self, request: pb.DeleteCloudDirectoryExportRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        work = current_call().work
        self._transfers.delete(work, self._transfers.get(work, request.tenant_id, EXPORT, request.id))
        return empty_pb2.Empty()

    def ImportAllCloudDirectoryUsers(
        self, request_iterator: Iterator[pb.ImportAllCloudDirectoryUsersRequest], context: grpc.ServicerContext
    ) -> pb.CloudDirectoryTransferJob:
        call, first = current_call(), next(request_iterator)
        form = FormStream(first.form.content_type, FILE, PART_BYTES, self._most_bytes)
        with self._transfers.upload(first.tenant_id) as upload:
            chunks = (message.form.data for message in itertools.chain([first], request_iterator))
            fields = form.read(chunks, upload.write)
            if not upload.parts:
                raise no_file()
            secret, email = fields.get(SECRET, ""), fields.get(EMAIL, "")
            self._check(first.tenant_id, secret, email)
            call.audit_target = upload.id
            with call.transaction() as work:
                self._transfers.begin_import(work, upload, secret, email)
        return pb.CloudDirectoryTransferJob(id=upload.id)

    def GetCloudDirectoryImportStatus(
        self, request: pb.GetCloudDirectoryImportStatusRequest, context: grpc.ServicerContext
    ) -> pb.CloudDirectoryImportStatus:
        return import_status(self._transfers.get(current_call().work, request.tenant_id, IMPORT, request.id))

    def _check(self, tenant_id: str, secret: str, email: str) -> None:
        """Checks everything that must be right before an import or export begins."""
        self._ciphers.of(tenant_id, secret)
        if email:
            self._messages.count(tenant_id, email, current_call().counted_ip)


MOST_BYTES = 255 << 10
"""The limit of a file in one message: gRPC clients accept 4 MiB unless they are configured otherwise, and hold each
message as a whole."""


def _bodies(pieces: Iterator[bytes], slot: TransferPermit) -> Iterator[httpbody_pb2.HttpBody]:
    with slot:
        for piece in pieces:
            for place in range(0, len(piece), MOST_BYTES):
                yield httpbody_pb2.HttpBody(content_type=MEDIA_TYPE, data=piece[place : place + MOST_BYTES])
