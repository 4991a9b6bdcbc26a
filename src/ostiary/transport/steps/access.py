"""Authorization of the caller on the tenant: decided on the decoded message, the one that the servicer uses, before
validation."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from ostiary.access.authentication import Authentication
from ostiary.access.last_owner import keeps_an_owner
from ostiary.access.organization_scope import organization_of_user
from ostiary.access.policy import decide, operates
from ostiary.access.principals import PrincipalKind
from ostiary.access.reach import People, Reach, is_caller, refuse_beyond_reach, refuse_program, within_reach
from ostiary.clock import Clock
from ostiary.directory.query_records.roles import organization_of_role
from ostiary.directory.roles.permissions import Permission
from ostiary.errors import invalid
from ostiary.ids import guid
from ostiary.store.tenancy import SYSTEM_ID, TenantView
from ostiary.store.work import Work
from ostiary.transport.call import Call
from ostiary.transport.people import people_named
from ostiary.transport.pipeline import MALFORMED, Proceed
from ostiary.transport.rules import Rules
from ostiary_api.options.v1 import rules_pb2 as options

_OF_OWNERS = frozenset({Permission.ORGANIZATION_OWN, Permission.PLATFORM_OPERATE})


class Authorize:
    """Fills `call.tenant` with the tenant on which the call acts; disabled ones count as unknown.

    A request that cannot be decoded names no tenant: its caller must at least be authenticated.
    """

    def __init__(self, authentication: Authentication, clock: Clock) -> None:
        self._authentication = authentication
        self._clock = clock

    def __call__(self, call: Call, request: Message, proceed: Proceed) -> Any:
        """Raises the error that a caller who may not is to see."""
        rules = call.rules
        tenant_id = _tenant_of(call, request)
        tenant = _found(call, tenant_id) if tenant_id else None
        need = rules.need_on_oneself if _acts_on_oneself(call, request, tenant) else rules.need
        decide(need, call.principal, tenant_id, tenant_exists=tenant is not None and tenant.enabled)
        if rules.person is not None and tenant is not None and request is not MALFORMED:
            named = people_named(call.reading, tenant, request, rules.person)
            refuse_beyond_reach(call.reading, call.principal, tenant_id, named, self._clock.now_ms())
            call.reach = self._reach(call, request, tenant, rules.person)
            if is_caller(call.principal, tenant_id, named):
                refuse_program(call.reading, call.principal, self._clock.now_ms())
        if rules.not_by_api_token:
            refuse_program(call.reading, call.principal, self._clock.now_ms())
        if _changes_who_owns(rules):
            call.kept = keeps_an_owner(call.principal, tenant_id, self._clock.now_ms)
        call.tenant = tenant  # not before: a refusal is recorded at the caller's own tenant, not at one it only named
        if rules.tenant_context == options.TENANT_CONTEXT_REQUIRED and tenant_id == SYSTEM_ID:
            raise invalid(
                "TENANT_CONTEXT_MISSING", f"Name the organization in the header {rules.dialect.tenant_header}."
            )
        return proceed(call, request)

    def _reach(self, call: Call, request: Message, tenant: TenantView, person: options.Person) -> Reach:
        """The decision once more for the transaction of the change, since rights may change until then."""
        people: People = lambda work: people_named(work, tenant, request, person)  # noqa: E731 - typed
        giver = self._authentication.giver(call.principal, tenant.id)
        now, gives_roles = self._clock.now_ms, person.gives_roles
        return within_reach(call.principal, giver, tenant.id, people, now, gives_roles=gives_roles)


def _changes_who_owns(rules: Rules) -> bool:
    """Whether a call may take away what an owner or an operator has."""
    return rules.changes and (rules.person is not None or not rules.need.permissions.isdisjoint(_OF_OWNERS))


def _found(call: Call, tenant_id: str) -> TenantView | None:
    """Returns a public answer's tenant from memory for a moment, since every cache keeps it for minutes; for all else
    it asks the store."""
    known = call.tenancy.lately(tenant_id) if call.rules.is_public else None
    return known or call.tenancy.find(call.reading, tenant_id)


def _acts_on_oneself(call: Call, request: Message, tenant: TenantView | None) -> bool:
    """Whether the rules ask, and the request names nobody but its caller, a user, at the caller's own tenant."""
    rules, caller = call.rules, call.principal
    if rules.person is None or rules.need_on_oneself == rules.need or tenant is None or request is MALFORMED:
        return False
    at_home = caller.kind is PrincipalKind.USER and caller.tenant_id == tenant.id
    return at_home and set(people_named(call.reading, tenant, request, rules.person)) == {caller.id}


def _tenant_of(call: Call, request: Message) -> str:
    """The tenant that the rules' field or header names, for operators at System that of the entity that the request
    names, else the caller's own. A field that is empty names nobody's."""
    rules, caller = call.rules, call.principal
    if rules.tenant_field and request is not MALFORMED:
        return str(getattr(request, rules.tenant_field))
    dialect = rules.dialect
    picked = call.metadata.get(dialect.tenant_header, "").strip() if rules.tenant_context else ""
    if rules.tenant_of is not None and not picked and operates(caller) and request is not MALFORMED:
        return _tenant_of_entity(call.reading, request, rules.tenant_of) or caller.tenant_id
    return picked.removeprefix(dialect.tenant_prefix) or caller.tenant_id


def _tenant_of_entity(work: Work, request: Message, entity: options.TenantOf) -> str | None:
    """The tenant that has the user or the role that a field of the request names; None where none has."""
    if entity.user:
        return organization_of_user(work, guid(str(getattr(request, entity.user)), "user"))
    return organization_of_role(work, guid(str(getattr(request, entity.role)), "role"))
