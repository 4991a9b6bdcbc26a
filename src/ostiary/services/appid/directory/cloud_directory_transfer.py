"""App ID management: export, import and deletion of many users at once."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2

from ostiary.directory.transfer.user_export import MAX_PAGE, export_page
from ostiary.errors import DomainError
from ostiary.oauth.sessions.bulk_removal import batches, remove_users
from ostiary.runtime import Runtime
from ostiary.services.appid.directory.transfer_messages import import_result, removal_result
from ostiary.services.json_body import json_body
from ostiary.transport.call import current_call
from ostiary.transport.dialects.appid import page_of
from ostiary_api.appid.management.v4 import cloud_directory_transfer_pb2 as pb
from ostiary_api.appid.management.v4 import cloud_directory_transfer_pb2_grpc


class CloudDirectoryTransferServicer(cloud_directory_transfer_pb2_grpc.CloudDirectoryTransferServiceServicer):
    """Users on their way from one tenant to another."""

    def __init__(self, runtime: Runtime) -> None:
        self._ciphers = runtime.directory.transfer_ciphers
        self._import = runtime.directory.directory_import
        self._clock = runtime.clock

    def ExportCloudDirectoryUsers(
        self, request: pb.ExportCloudDirectoryUsersRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        call, cipher = current_call(), self._ciphers.of(request.tenant_id, request.encryption_secret)
        page = page_of(request, MAX_PAGE)
        call.release()
        cipher.prepare()
        return json_body(export_page(call.work, request.tenant_id, cipher, page))

    def ImportCloudDirectoryUsers(
        self, request: pb.ImportCloudDirectoryUsersRequest, context: grpc.ServicerContext
    ) -> pb.CloudDirectoryImportResult:
        cipher = self._ciphers.of(request.tenant_id, request.encryption_secret)
        batch = self._import.prepare(request.users.data, cipher)
        with current_call().transaction() as work:
            return import_result(self._import.store(work, request.tenant_id, batch))

    def BulkRemoveCloudDirectoryUsers(
        self, request: pb.BulkRemoveCloudDirectoryUsersRequest, context: grpc.ServicerContext
    ) -> pb.CloudDirectoryRemovalResult:
        call = current_call()
        refused: dict[str, DomainError] = {}
        selected = [item.string_value for item in request.selection.ids.values]
        for ids in batches(selected):
            with call.transaction() as work:
                refused |= remove_users(work, request.tenant_id, ids, self._clock.now_ms())
                call.audit_targets = [user_id for user_id in ids if user_id not in refused]
        return removal_result(selected, refused)
