"""An organization with people of each kind, and how csp is asked about it in JSON."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pool, json_format
from google.protobuf.message_factory import GetMessageClass
from kit.accounts.people import Made, new_client, new_person
from kit.callers import Caller, refusal
from kit.servers.installation import ENTROPY
from sqlalchemy import insert

from ostiary.directory.groups.membership import add_member
from ostiary.directory.roles.bindings import bind_role
from ostiary.directory.roles.granting import Holder, installation_operator
from ostiary.directory.roles.stored_roles import RoleDefinition, create_stored_role
from ostiary.directory.service_definitions.definitions import NewService, Service, define_service
from ostiary.store.tables import GROUP, Group, table_of
from ostiary.store.tenancy import SYSTEM_ID

Refused = tuple[grpc.StatusCode, str]


class Organization:
    """A new organization with an owner, a member and a robot; the operator of the installation; a stranger."""

    def __init__(self, caller: Caller, name: str = "") -> None:
        self.caller, self.made = caller, caller.installation
        self.name = name or f"org-{uuid.uuid4().hex[:8]}"
        self.id = self.made.new_tenant(self.name)
        self.clock = self.made.clock
        self.owner = self.person("owner", "org_owner", "org_member")
        self.member = self.person("member", "org_member")
        self.robot = new_client(self.made, self.id, service_account=True)
        self.operator = new_person(self.made, SYSTEM_ID, f"root-{uuid.uuid4().hex[:8]}", "platform_operator")

    def person(self, name: str, *roles: str) -> Made:
        return new_person(self.made, self.id, name, *roles)

    def group(self, name: str, *members: Holder, role: str = "", until: int | None = None) -> Holder:
        """A group with these members, and with a role until some time."""
        group_id, now_ms = str(uuid.uuid4()), self.clock.now_ms()
        facts = {"tenant_id": self.id, "description": "", "domain": "", "version": 1, "created_at": now_ms}
        with self.made.runtime.store.write() as work:
            row = {"id": group_id, "display_name": name, "display_name_key": name.lower(), "modified_at": now_ms}
            work.run(insert(table_of(Group)).values(**facts, **row))
            for member in members:
                add_member(work, self.id, group_id, member, installation_operator, now_ms)
            if role:
                bind_role(work, self.id, group_id, role, now_ms, kind=GROUP, expires_at=until)
        return Holder(group_id, GROUP)

    def role(self, name: str, *permissions: Any) -> str:
        """A role that the organization defines; its id."""
        definition = RoleDefinition(name, permissions=frozenset(permissions))
        with self.made.runtime.store.write() as work:
            made = create_stored_role(
                work, self.id, definition, installation_operator, ENTROPY, self.clock.now_ms()
            )  # fmt: skip
        return made.id

    def service(self, name: str = "") -> Service:
        """A service with the roles admin and user."""
        name = name or f"service-{uuid.uuid4().hex[:8]}"
        new = NewService(name, name.title(), "It serves.", urls={"serviceHome": "https://service.example.com"},
                         roles={f"{name}:admin": "Admin", f"{name}:user": "User"})  # fmt: skip
        with self.made.runtime.store.write() as work:
            return define_service(work, new, ENTROPY, self.clock.now_ms())

    def ask(self, method: str, who: Made, **body: Any) -> Any:
        """Calls `Service/Method` of csp with a request in JSON; answers that are streams are lists."""
        service, _, name = f"identity.csp.v1.{method}".rpartition("/")
        descriptor = descriptor_pool.Default().FindServiceByName(service).FindMethodByName(name)
        request = json_format.ParseDict(body, GetMessageClass(descriptor.input_type)())
        answer = GetMessageClass(descriptor.output_type)
        kind = "unary_stream" if descriptor.server_streaming else "unary_unary"
        open_call = getattr(self.caller.channel, kind)
        call = open_call(f"/{service}/{name}", type(request).SerializeToString, answer.FromString)
        received = call(request, **who.call)
        if descriptor.server_streaming:
            return [json_format.MessageToDict(each) for each in received]
        return json_format.MessageToDict(received)

    def refusal(self, method: str, who: Made, **body: Any) -> Refused:
        """How a call is refused: status and reason; OK where it is not."""
        return refusal(lambda: self.ask(method, who, **body))

    def held(self, user: Made) -> list[str]:
        """The names of the organization roles and service roles that a user holds."""
        found = self.ask("UserService/GetUserRolesWithGroups", self.owner, orgId=self.id, userId=user.id)
        services: Sequence[Any] = found.get("serviceRoles", [])
        org = [role["name"] for role in found.get("organizationRoles", [])]
        return org + [role["name"] for service in services for role in service["serviceRoles"]]
