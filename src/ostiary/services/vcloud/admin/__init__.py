"""What administrators read and change in XML: the installation, organizations, users and roles."""

from __future__ import annotations

from ostiary.runtime import Runtime
from ostiary.services.vcloud.admin.orgs import AdminOrgs
from ostiary.services.vcloud.admin.roles import AdminRoles
from ostiary.services.vcloud.admin.users import AdminUsers
from ostiary_api.vcloud.v1 import admin_pb2_grpc


class AdminServicer(AdminOrgs, AdminUsers, AdminRoles, admin_pb2_grpc.AdminServiceServicer):
    """Describes and changes the installation, its organizations, users and roles."""

    def __init__(self, runtime: Runtime) -> None:
        api = f"{runtime.issuers.public_url}/api"
        AdminOrgs.__init__(self, runtime, api)
        AdminUsers.__init__(self, runtime, api)
        AdminRoles.__init__(self, runtime, api)
