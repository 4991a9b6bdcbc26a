"""App ID management: profiles of all users who signed in."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2
from google.protobuf import empty_pb2

from ostiary.directory.profiles.attributes import replace_attributes
from ostiary.directory.profiles.document import profile_documents
from ostiary.directory.profiles.pre_registration import pre_register
from ostiary.directory.profiles.profiles import get_profile, lock_profile
from ostiary.directory.profiles.search import search_profiles
from ostiary.directory.roles.application_roles import chosen_roles, put_profile_roles, roles_of_profile
from ostiary.directory.transfer.profile_transfer import RefusedProfile, export_profiles, import_profiles
from ostiary.oauth.sessions.access_revocation import end_grants_of_profile, remove_profile
from ostiary.runtime import Runtime
from ostiary.services.appid.profiles.roles import assigned_roles, role_choice
from ostiary.services.json_body import json_body
from ostiary.store.work import Work
from ostiary.transport.call import current_call
from ostiary_api.appid.management.v4 import roles_pb2, users_pb2_grpc
from ostiary_api.appid.management.v4 import users_pb2 as pb


class UsersServicer(users_pb2_grpc.UsersServiceServicer):
    """Profiles, their attributes and roles."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._entropy = runtime.entropy

    def SearchUserProfiles(
        self, request: pb.SearchUserProfilesRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        call = current_call()
        found = search_profiles(
            call.work, call.required_tenant, call.page(request), scope=request.data_scope, email=request.email,
            idp_id=request.id,
        )  # fmt: skip
        return json_body(found)

    def PreRegisterUser(
        self, request: pb.PreRegisterUserRequest, context: grpc.ServicerContext
    ) -> pb.PreRegisteredUser:
        call, now_ms = current_call(), self._clock.now_ms()
        call.audit_target = pre_register(call.work, request.tenant_id, request.user.data, self._entropy, now_ms)
        return pb.PreRegisteredUser(id=call.audit_target)

    def ExportUserProfiles(
        self, request: pb.ExportUserProfilesRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        call = current_call()
        return json_body(export_profiles(call.work, call.required_tenant, call.page(request)))

    def ImportUserProfiles(
        self, request: pb.ImportUserProfilesRequest, context: grpc.ServicerContext
    ) -> pb.ProfileImportResult:
        work, now_ms = current_call().work, self._clock.now_ms()
        done = import_profiles(work, request.tenant_id, request.users.data, self._entropy, now_ms)
        return pb.ProfileImportResult(
            added=done.added, failed=len(done.refused), fail_reasons=map(_failure, done.refused)
        )  # fmt: skip

    def DeleteUserProfile(self, request: pb.DeleteUserProfileRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        remove_profile(current_call().work, request.tenant_id, request.id, self._clock.now_ms())
        return empty_pb2.Empty()

    def RevokeUserRefreshTokens(
        self, request: pb.RevokeUserRefreshTokensRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        work = current_call().work
        profile = get_profile(work, request.tenant_id, request.id)
        end_grants_of_profile(work, request.tenant_id, profile.id, self._clock.now_ms())
        return empty_pb2.Empty()

    def GetUserProfile(self, request: pb.GetUserProfileRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return _profile_body(current_call().work, request.tenant_id, request.id)

    def UpdateUserProfile(
        self, request: pb.UpdateUserProfileRequest, context: grpc.ServicerContext
    ) -> httpbody_pb2.HttpBody:
        work = current_call().work
        replace_attributes(work, request.tenant_id, request.id, request.profile.data, self._clock.now_ms())
        return _profile_body(work, request.tenant_id, request.id)

    def GetUserRoles(self, request: pb.GetUserRolesRequest, context: grpc.ServicerContext) -> roles_pb2.AssignedRoles:
        work = current_call().work
        profile = get_profile(work, request.tenant_id, request.id)
        return assigned_roles(roles_of_profile(work, request.tenant_id, profile.id))

    def UpdateUserRoles(
        self, request: pb.UpdateUserRolesRequest, context: grpc.ServicerContext
    ) -> roles_pb2.AssignedRoles:
        work = current_call().work
        profile = lock_profile(work, request.tenant_id, request.id)
        roles = chosen_roles(work, request.tenant_id, role_choice(request.assignment))
        put_profile_roles(work, request.tenant_id, profile.id, roles)
        return assigned_roles(roles_of_profile(work, request.tenant_id, profile.id))


def _failure(refused: RefusedProfile) -> pb.ProfileImportFailure:
    why = pb.ProfileImportError(message=refused.error.message, code=refused.error.reason)
    return pb.ProfileImportFailure(original_id=refused.original_id, idp=refused.provider, error=why)


def _profile_body(work: Work, tenant_id: str, profile_id: str) -> httpbody_pb2.HttpBody:
    (document,) = profile_documents(work, tenant_id, [get_profile(work, tenant_id, profile_id)])
    return json_body(document)
