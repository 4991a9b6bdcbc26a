"""App ID management: users of the Cloud Directory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from ostiary.audit.runtime_events import user_signed_out
from ostiary.directory.profiles.document import userinfo_document
from ostiary.directory.profiles.profiles import directory_profile
from ostiary.directory.users.changes import update_user
from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.directory.users.contacts import Contact, email_keys, one_primary
from ostiary.directory.users.input import check_change
from ostiary.directory.users.message import new_user, user_change
from ostiary.directory.users.users import UserView, get_user, list_users, user_count, user_named
from ostiary.errors import invalid
from ostiary.oauth.sessions.access_revocation import end_access_of_user, remove_user, remove_user_and_profile
from ostiary.oauth.sessions.sessions import end_sessions_of_user
from ostiary.runtime import Runtime
from ostiary.services.appid.directory.user_messages import user_message
from ostiary.services.json_body import json_body
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import cloud_directory_users_pb2 as pb
from ostiary_api.appid.management.v4 import cloud_directory_users_pb2_grpc


def _refuse_other_addresses(user: UserView, emails: Sequence[Contact]) -> None:
    """App ID's users keep their mail addresses, which this API identifies them by; other dialects may change them."""
    if email_keys(one_primary("emails", emails)) != email_keys(user.emails):
        message = "The mail addresses of a user cannot be changed: send the ones it has, or create another user."
        raise invalid("EMAIL_IMMUTABLE", message, scim_type="mutability")


LIST_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


class CloudDirectoryUsersServicer(cloud_directory_users_pb2_grpc.CloudDirectoryUsersServiceServicer):
    """The users of a tenant's directory."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._registration = runtime.directory.registration
        self._events = runtime.events

    def ListCloudDirectoryUsers(
        self, request: pb.ListCloudDirectoryUsersRequest, context: grpc.ServicerContext
    ) -> pb.ListCloudDirectoryUsersResponse:
        call = current_call()
        page = call.page(request)
        field = CLOUD_DIRECTORY.read(call.work, call.required_tenant).identity_field
        named = [user_named(request.tenant_id, request.query, field)] if request.query else []
        about = user_count(call.work, call.required_tenant)
        users, total = list_users(
            call.work, request.tenant_id, *named, start=page.start, count=page.size, about=0 if named else about
        )
        return pb.ListCloudDirectoryUsersResponse(
            schemas=[LIST_SCHEMA], total_results=total, items_per_page=len(users),
            resources=[user_message(user, self._clock.now_ms()) for user in users],
        )  # fmt: skip

    def CreateCloudDirectoryUser(
        self, request: pb.CreateCloudDirectoryUserRequest, context: grpc.ServicerContext
    ) -> pb.CloudDirectoryUser:
        call = current_call()
        prepared = self._registration.prepare(call.required_tenant, new_user(request.user), request.user.password)
        with call.transaction() as work:
            user = self._registration.create(work, request.tenant_id, prepared)
            call.audit_target = user.id
        return user_message(user, self._clock.now_ms())

    def GetCloudDirectoryUser(
        self, request: pb.GetCloudDirectoryUserRequest, context: grpc.ServicerContext
    ) -> pb.CloudDirectoryUser:
        return user_message(get_user(current_call().work, request.tenant_id, request.user_id), self._clock.now_ms())

    def UpdateCloudDirectoryUser(
        self, request: pb.UpdateCloudDirectoryUserRequest, context: grpc.ServicerContext
    ) -> pb.CloudDirectoryUser:
        work, change, now_ms = current_call().work, check_change(user_change(request.user)), self._clock.now_ms()
        user = update_user(
            work, request.tenant_id, request.user_id, replace(change, emails=None), now_ms,
            accept=lambda user: _refuse_other_addresses(user, change.emails or ()),
        )  # fmt: skip
        if not user.active:
            end_access_of_user(work, request.tenant_id, user.id, now_ms)
        return user_message(user, self._clock.now_ms())

    def DeleteCloudDirectoryUser(
        self, request: pb.DeleteCloudDirectoryUserRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        remove_user(current_call().work, request.tenant_id, request.user_id, self._clock.now_ms())
        return empty_pb2.Empty()

    def RemoveCloudDirectoryUser(
        self, request: pb.RemoveCloudDirectoryUserRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        remove_user_and_profile(current_call().work, request.tenant_id, request.user_id, self._clock.now_ms())
        return empty_pb2.Empty()

    def InvalidateUserSsoSessions(
        self, request: pb.InvalidateUserSsoSessionsRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        call, work, now_ms = current_call(), current_call().work, self._clock.now_ms()
        user = get_user(work, request.tenant_id, request.user_id)
        end_sessions_of_user(work, request.tenant_id, user.id, now_ms)
        self._events.emit(work, user_signed_out(request.tenant_id, user.id, call.request_id), call.required_tenant)
        return empty_pb2.Empty()

    def GetCloudDirectoryUserinfo(
        self, request: pb.GetCloudDirectoryUserinfoRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        work = current_call().work
        user = get_user(work, request.tenant_id, request.user_id)
        profile = directory_profile(work, request.tenant_id, user.id)
        return json_body(userinfo_document(work, request.tenant_id, profile))
