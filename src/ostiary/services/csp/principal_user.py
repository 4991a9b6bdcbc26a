"""The caller's own user in CSP."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from ostiary.access.callers import CallerView, caller_view, preferring
from ostiary.access.principals import PrincipalKind
from ostiary.directory.preferences.language import LOCAL_LANGUAGE, locale_with
from ostiary.directory.preferences.preferences import get_preference, put_preference
from ostiary.directory.roles.member_roles import MemberRole, MemberRoles, member_roles
from ostiary.errors import invalid
from ostiary.oauth.platform.accounts import acct_of
from ostiary.runtime import Runtime
from ostiary.services.csp.links import API, org_path, page_links
from ostiary.services.csp.organizations.organization import organization
from ostiary.services.csp.roles import org_role, service_roles, shown_groups
from ostiary.services.csp.users import caller_as_user, preferences, user_info
from ostiary.store.work import Work
from ostiary.transport.call import Call, current_call
from ostiary_api.csp.v1 import organization_pb2, organization_users_pb2, principal_user_pb2_grpc, role_pb2, user_pb2
from ostiary_api.csp.v1 import principal_user_pb2 as pb


class PrincipalUserServicer(principal_user_pb2_grpc.PrincipalUserServiceServicer):
    """Tells callers who they are, and keeps what they prefer."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock
        self._tenancy = runtime.tenancy

    def GetLoggedInUser(self, request: pb.GetLoggedInUserRequest, context: grpc.ServicerContext) -> user_pb2.User:
        call = current_call()
        return caller_as_user(self._caller(call), with_profile=call.flag(request, "expand"))

    def PutLocalePreferences(
        self, request: pb.PutLocalePreferencesRequest, context: grpc.ServicerContext
    ) -> user_pb2.LocalePreferences:
        call = current_call()
        self._speak(call, request.preferences.language)
        return user_pb2.LocalePreferences(**preferences(_locale_of(call.work, call)))

    def GetProfile(self, request: pb.GetProfileRequest, context: grpc.ServicerContext) -> pb.UserProfile:
        return self._profile(current_call())

    def UpdateProfile(self, request: pb.UpdateProfileRequest, context: grpc.ServicerContext) -> pb.UserProfile:
        call = current_call()
        if request.profile.default_org_id not in ("", call.tenant_id):
            raise invalid("DEFAULT_ORG_FIXED", "defaultOrgId is the organization of the caller, which is the only one.")
        if request.profile.language:
            self._speak(call, request.profile.language)
        return self._profile(call)

    def ListOrganizations(
        self, request: pb.ListOrganizationsRequest, context: grpc.ServicerContext
    ) -> pb.OrganizationPage:
        call, page = current_call(), current_call().page(request)
        found = [organization(call.work, call.required_tenant)]
        return pb.OrganizationPage(
            results=found[page.offset : page.offset + page.size],
            total_results=len(found),
            **page_links(call, request, f"{API}/v2/loggedin/user/orgs", page, len(found)),
        )

    def ListServiceRoles(
        self, request: pb.ListServiceRolesRequest, context: grpc.ServicerContext
    ) -> role_pb2.UserServiceRoles:
        return service_roles(self._roles(current_call()), request.service_definition_link)

    def ListRoles(self, request: pb.ListRolesRequest, context: grpc.ServicerContext) -> Iterator[role_pb2.OrgRole]:
        yield from (org_role(request.org_id, role) for role in self._roles(current_call()).organization)

    def GetInfo(self, request: pb.GetInfoRequest, context: grpc.ServicerContext) -> user_pb2.UserInfo:
        call = current_call()
        user = caller_as_user(self._caller(call), with_profile=True)
        return user_info(call.work, user, call.required_tenant, self._roles(call))

    def ListGroups(
        self, request: pb.ListGroupsRequest, context: grpc.ServicerContext
    ) -> organization_users_pb2.UserGroups:
        call = current_call()
        ids = [group.id for group in self._caller(call).groups]
        return organization_users_pb2.UserGroups(groups=shown_groups(call.work, call.tenant_id, ids).values())

    def GetDetails(self, request: pb.GetDetailsRequest, context: grpc.ServicerContext) -> pb.UserDetails:
        return pb.UserDetails(is_vmware_id_user=False)

    def GetDefaultOrganization(
        self, request: pb.GetDefaultOrganizationRequest, context: grpc.ServicerContext
    ) -> organization_pb2.RefLink:
        return organization_pb2.RefLink(ref_link=org_path(current_call().principal.tenant_id))

    def _caller(self, call: Call) -> CallerView:
        """The caller at home, also where an operator asks about another organization."""
        home = self._tenancy.find(call.work, call.principal.tenant_id) or call.required_tenant
        return caller_view(call.work, home, call.principal)

    def _roles(self, call: Call) -> MemberRoles:
        """The roles of the caller in the organization that it asks about: in another than its own it holds none."""
        if call.principal.tenant_id != call.tenant_id:
            return MemberRoles()
        if call.principal.kind is PrincipalKind.USER:
            return member_roles(call.work, call.tenant_id, [call.principal.id], self._clock.now_ms())[call.principal.id]
        held = self._caller(call).roles
        return MemberRoles([MemberRole(role.id, role.name, role.display_name) for role in held])

    def _speak(self, call: Call, language: str) -> None:
        """Sets the caller's language, and keeps the region of a locale that has it already."""
        locale = locale_with(_locale_of(call.work, call), language)
        put_preference(
            call.work, call.tenant_id, preferring(call.principal), LOCAL_LANGUAGE, locale, self._clock.now_ms()
        )

    def _profile(self, call: Call) -> pb.UserProfile:
        caller = self._caller(call)
        user = caller.user
        return pb.UserProfile(
            default_org_id=caller.tenant.id, user_id=caller.id, username=caller.name,
            acct=acct_of(caller.name, caller.tenant.name), email=user.email if user else "",
            created_at=user.created_at if user else None, metadata=pb.UserProfileMetadata(),
            **preferences(_locale_of(call.work, call)),
        )  # fmt: skip


def _locale_of(work: Work, call: Call) -> str:
    return get_preference(work, call.tenant_id, preferring(call.principal), LOCAL_LANGUAGE).value
