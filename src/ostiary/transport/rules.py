"""Rules of RPCs, read from the protos; missing or contradictory ones are refused before anything is served."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import quote

from google.api import annotations_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from ostiary.access.policy import Requirement
from ostiary.directory.roles.permissions import Permission, Permissions
from ostiary.transport.bounds.faults import bounds_faults
from ostiary.transport.bounds.messages import Checks
from ostiary.transport.bounds.values import Check
from ostiary.transport.dialects import DIALECTS
from ostiary.transport.dialects.dialect import Dialect
from ostiary_api.options.v1 import rules_pb2 as options

PERMISSION_OF: Mapping[options.Role.ValueType, Permission] = {
    options.ROLE_READER: Permission.TENANT_READ,
    options.ROLE_WRITER: Permission.TENANT_CHANGE,
    options.ROLE_MANAGER: Permission.TENANT_MANAGE,
    options.ROLE_PLATFORM_OPERATOR: Permission.PLATFORM_OPERATE,
    options.ROLE_ORG_OWNER: Permission.ORGANIZATION_OWN,
    options.ROLE_ORG_MEMBER: Permission.ORGANIZATION_READ,
    options.ROLE_SERVICE_ACCOUNT: Permission.SERVICE_READ,
    options.ROLE_END_USER: Permission.PROFILE_OWN,
    options.ROLE_SELF: Permission.ACCOUNT_OWN,
    options.ROLE_RELYING_PARTY: Permission.CLAIMS_READ,
    options.ROLE_PROVISIONING_READER: Permission.PROVISIONING_READ,
    options.ROLE_PROVISIONER: Permission.PROVISIONING_CHANGE,
}
"""The permission that a rule requires when it names a role: the role is written, the permission is decided on."""
HTTP_BODY = "google.api.HttpBody"
DEPRECATED_SINCE = "@1735689600"
"""The header Deprecation (RFC 9745) of every deprecated operation."""


class RulesError(Exception):
    """An RPC whose rules are missing or contradict themselves; the server does not start."""


@dataclass(frozen=True, slots=True)
class Route:
    """A REST path of an RPC: verb and path template."""

    verb: str
    path: str


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one RPC, checked. `method` is `/package.Service/Method`, `roles` are those that the proto names."""

    method: str
    roles: frozenset[options.Role.ValueType]
    need: Requirement
    need_on_oneself: Requirement
    """What the call needs where it acts on the caller alone."""
    tenant_field: str
    tenant_context: options.TenantContext.ValueType
    tenant_of: options.TenantOf | None
    person: options.Person | None
    not_by_api_token: bool
    """Closed to sessions that an API token has opened."""
    own_credentials: bool
    token_form: str
    limit: str
    success_status: int
    transaction: options.Transaction.ValueType
    audit: str
    family: options.ErrorFamily.ValueType
    dialect: Dialect
    routes: tuple[Route, ...]
    deprecated: bool
    successor: str
    catalogue: tuple[str, ...]
    options: options.MethodRules
    uploads: bool
    """The request is a file in pieces, of any length: a stream of messages, the first of which says the rest."""
    downloads: bool
    """The answer is a file in pieces, sent as they are read; other streams are JSON arrays of bounded length."""
    excess_of: Check | None
    """Finds what is beyond the bounds of its proto in a decoded request; None where there are no bounds."""

    @property
    def is_public(self) -> bool:
        """Whether anybody may read the answer and any cache keep it."""
        return self.need.anonymous and self.options.cache == options.CACHE_POLICY_PUBLIC

    @property
    def changes(self) -> bool:
        """Whether it opens a transaction, which then holds its audit event."""
        return self.transaction in (options.TRANSACTION_WRITE, options.TRANSACTION_OWN)


def successor_link(successor: str) -> str:
    """The header Link (RFC 8288) to what replaces an operation; braces of a template are no characters of a URI."""
    return f'<{quote(successor)}>; rel="successor-version"'


def required_permissions(roles: Iterable[options.Role.ValueType]) -> Permissions:
    """The permissions of which one suffices where a rule names these roles."""
    return frozenset(PERMISSION_OF[role] for role in roles if role in PERMISSION_OF)


def roles_within(permissions: Permissions) -> list[options.Role.ValueType]:
    """The roles that these permissions open, sorted by number."""
    return sorted(role for role, permission in PERMISSION_OF.items() if permission in permissions)


def read_rules(services: Iterable[ServiceDescriptor], limits: Iterable[str]) -> dict[str, Rules]:
    """The rules of every RPC of `services` by method name. `limits` are the names that have numbers.

    Raises RulesError with every fault found, one a line.
    """
    known_limits = frozenset(limits)
    found: dict[str, Rules] = {}
    faults: list[str] = []
    for service in services:
        for method in service.methods:
            rules = _rules_of(service, method)
            found[rules.method] = rules
            faults += [f"{rules.method}: {fault}" for fault in _faults_of(service, method, known_limits)]
    if faults:
        raise RulesError("\n".join(faults))
    return found


@cache
def _faults_of(service: ServiceDescriptor, method: MethodDescriptor, limits: frozenset[str]) -> tuple[str, ...]:
    return tuple(_faults(method, _rules_of(service, method), limits))


@cache
def _rules_of(service: ServiceDescriptor, method: MethodDescriptor) -> Rules:
    given = method.GetOptions().Extensions[options.rules]
    access = given.access
    shared = service.GetOptions().Extensions[options.service_rules]
    return Rules(
        method=f"/{service.full_name}/{method.name}",
        roles=frozenset(access.roles),
        need=_requirement(access, access.roles),
        need_on_oneself=_requirement(access, (*access.roles, *access.roles_on_oneself)),
        tenant_field=access.tenant_field,
        tenant_context=access.tenant_context,
        tenant_of=access.tenant_of if access.HasField("tenant_of") else None,
        person=access.person if access.HasField("person") else None,
        not_by_api_token=access.not_by_api_token,
        own_credentials=access.credential != options.CREDENTIAL_UNSPECIFIED,
        token_form=access.token_form,
        limit=given.rate_limit,
        success_status=given.success_status or 200,
        transaction=given.transaction or _default_transaction(method),
        audit=given.audit,
        family=given.error_family or shared.error_family,
        dialect=DIALECTS[given.error_family or shared.error_family],
        routes=tuple(_routes(method)),
        deprecated=given.deprecated or bool(given.successor),
        successor=given.successor,
        catalogue=tuple(given.catalogue),
        options=given,
        uploads=method.client_streaming,
        downloads=method.server_streaming and method.output_type.full_name == HTTP_BODY,
        excess_of=None if [*bounds_faults(method.input_type)] else _excess_of(method),
    )


def _requirement(access: options.Access, roles: Iterable[options.Role.ValueType]) -> Requirement:
    hides_with_denial = access.foreign_tenant == options.FOREIGN_TENANT_FORBIDDEN
    return Requirement(required_permissions(roles), access.anonymous, frozenset(access.scopes), hides_with_denial)


_CHECKS = Checks()


def _excess_of(method: MethodDescriptor) -> Check | None:
    in_path = {name for route in _routes(method) for name in re.findall(r"\{(\w+)", route.path)}
    return _CHECKS.request(method.input_type, in_path, method.GetOptions().Extensions[annotations_pb2.http].body)


def _default_transaction(method: MethodDescriptor) -> options.Transaction.ValueType:
    reads = method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    return options.TRANSACTION_READ if reads else options.TRANSACTION_WRITE


def _routes(method: MethodDescriptor) -> Iterable[Route]:
    http = method.GetOptions().Extensions[annotations_pb2.http]
    for binding in (http, *http.additional_bindings):
        verb = binding.WhichOneof("pattern")
        if verb is not None:
            yield Route(verb.upper(), getattr(binding, verb))


def _faults(method: MethodDescriptor, rules: Rules, limits: frozenset[str]) -> Iterable[str]:
    if not method.GetOptions().HasExtension(options.rules):
        yield "has no rules; add option (identity.options.v1.rules)"
        return
    if rules.need.anonymous == bool(rules.roles):
        yield "access must name roles or be anonymous, one of the two"
    if options.ROLE_UNSPECIFIED in rules.roles:
        yield "access names ROLE_UNSPECIFIED"
    yield from _tenant_faults(method, rules)
    yield from _token_faults(method, rules)
    yield from _person_faults(method, rules)
    if rules.options.deprecated and rules.successor:
        yield "says deprecated, which its successor says already"
    if rules.limit not in limits:
        yield f"rate_limit {rules.limit!r} has no numbers in the limits file"
    if rules.routes and rules.family == options.ERROR_FAMILY_UNSPECIFIED:
        yield "has a REST path but no error family"
    reads = method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    if reads and rules.transaction not in (options.TRANSACTION_READ, options.TRANSACTION_NONE):
        yield "has no side effects, yet asks for a transaction that writes"
    yield from _audit_faults(method, rules)
    if rules.uploads and (rules.need.anonymous or rules.transaction != options.TRANSACTION_OWN):
        yield "takes a stream of messages, so it must ask for roles and open its own transactions"
    yield from bounds_faults(method.input_type)
    gets = any(route.verb == "GET" for route in rules.routes)
    if gets and not reads and not rules.options.get_has_side_effects:
        yield "is a GET with side effects that get_has_side_effects does not declare"


def _token_faults(method: MethodDescriptor, rules: Rules) -> Iterable[str]:
    field = method.input_type.fields_by_name.get(rules.token_form)
    if rules.token_form and (field is None or field.message_type is None or field.message_type.full_name != HTTP_BODY):
        yield f"token_form {rules.token_form!r} is no HttpBody of {method.input_type.name}"
    if rules.token_form and rules.need.anonymous and not rules.own_credentials:
        yield "reads no bearer token, yet token_form names a place for one"


def _audit_faults(method: MethodDescriptor, rules: Rules) -> Iterable[str]:
    reads = method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    if rules.audit and not rules.changes and not reads:
        yield "changes something and names an audit event, yet opens no transaction to record it in"
    for name in re.findall(r"\{(\w+)\}", rules.audit):
        if name not in method.input_type.fields_by_name:
            yield f"the audit event names {name!r}, which is no field of {method.input_type.name}"
    if rules.options.audit_runtime and not rules.audit:
        yield "says audit_runtime without naming an audit event"


def _person_faults(method: MethodDescriptor, rules: Rules) -> Iterable[str]:
    if rules.person is None:
        if rules.options.access.roles_on_oneself:
            yield "access.roles_on_oneself needs a person, of whom it can tell whether that is the caller"
        return
    names_a_tenant = rules.tenant_field or rules.tenant_context
    if not names_a_tenant or not rules.person.by or not rules.person.fields:
        yield "access.person says by what and in which fields, on the tenant of tenant_field or tenant_context"
    for path in rules.person.fields:
        if not _leads_to_text(method.input_type, *path.split(".")):
            yield f"access.person names {path!r}, which is no text of {method.input_type.name}"


def _leads_to_text(message: Descriptor, name: str, *below: str) -> bool:
    """Whether a path of fields ends at texts, or in a body that has fields of its own."""
    field = message.fields_by_name.get(name)
    if field is None or field.message_type is None:
        return field is not None and not below and field.type == FieldDescriptor.TYPE_STRING
    if field.message_type.full_name == HTTP_BODY:
        return len(below) <= 1
    if field.message_type.full_name == "google.protobuf.ListValue":
        return not below
    return bool(below) and _leads_to_text(field.message_type, *below)


def _tenant_faults(method: MethodDescriptor, rules: Rules) -> Iterable[str]:
    if rules.tenant_field and rules.tenant_field not in method.input_type.fields_by_name:
        yield f"tenant_field {rules.tenant_field!r} is no field of {method.input_type.name}"
    if rules.tenant_field and rules.tenant_context:
        yield "the tenant comes from tenant_field or from tenant_context, not from both"
    if rules.tenant_context and not rules.dialect.tenant_header:
        yield "tenant_context needs a dialect with a header that names the tenant"
    if rules.tenant_of is not None:
        yield from _tenant_of_faults(method, rules, rules.tenant_of)
    if "tenant_id" in method.input_type.fields_by_name and rules.tenant_field != "tenant_id":
        yield "the request has a tenant_id that access.tenant_field does not name"


def _tenant_of_faults(method: MethodDescriptor, rules: Rules, entity: options.TenantOf) -> Iterable[str]:
    kind = entity.WhichOneof("entity")
    if not rules.tenant_context:
        yield "tenant_of needs tenant_context, without which the tenant is known already"
    if kind is None or not _leads_to_text(method.input_type, getattr(entity, kind)):
        yield f"tenant_of names no text of {method.input_type.name}"
