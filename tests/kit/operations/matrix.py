"""The documented role matrix as a walk: each operation of csp and the Tenant Manager, asked by a real caller of each
role and by those whom no role helps, over native gRPC and over REST."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import grpc
import httpx
from contract.served import documented, without_names
from kit.accounts.people import cast, new_client, new_person
from kit.callers import Caller
from kit.operations.interface import OPERATIONS, Operation
from kit.servers.installation import ENTROPY, Installation
from kit.servers.served import Served

from ostiary.clock import SystemClock
from ostiary.config import Settings
from ostiary.directory.tenants.tenants import create_tenant
from ostiary.ids import digest
from ostiary.oauth.clients.clients import allow_service_account
from ostiary.oauth.sessions.refresh import revoke_access_token
from ostiary.runtime import open_runtime
from ostiary.store.tables import User

NOBODYS = "00000000-0000-4000-8000-000000000000"
FACTS = {
    str(facts.get("number") or f"{facts['verb']} {facts['path']}"): facts
    for facts in (*documented("identity_service"), *documented("tenant_manager"))
}
WALKED = [one for one in OPERATIONS if {without_names(name) for name in one.rules.catalogue} & set(FACTS)]
"""Operations of the matrix."""
ROLES = ("platform_operator", "org_owner", "org_member", "service_account")
DEAD = ("deactivated", "revoked", "unlisted", "anonymous")
"""Callers who are nobody: their tokens are over, or they have none."""
STRANGERS = ("stranger", "member_elsewhere", "parents_owner")
"""Callers of another organization, be it the one above."""
ENDS_THE_SESSION = "/DeleteCurrentSession"
Credentials = Mapping[str, dict[str, str]]
DENIALS = ("role does not allow", "may not see this organization")
"""The words of the decision; cloudapi answers 403 with others for what does not exist."""


@contextmanager
def beside(server: Served) -> Iterator[Installation]:
    """The installation of a server, with an organization below another one, for a test to make people in."""
    given = {name.removeprefix("OSTIARY_").lower(): value for name, value in server.variables.items()}
    runtime, now_ms = open_runtime(Settings(**given)), SystemClock().now_ms()
    with runtime.store.write() as work:
        parent = create_tenant(work, "parent", ENTROPY, now_ms)
        home = create_tenant(work, "home", ENTROPY, now_ms, parent_id=parent.id)
    installation: Any = Installation(runtime, SystemClock(), home.id, {"parent": parent.id})  # type: ignore[arg-type]
    try:
        yield installation
    finally:
        runtime.close()


def callers(installation: Installation, suffix: str = "") -> Credentials:
    """The headers of each caller by name."""
    made: Any = Caller.__new__(Caller)
    made.installation = installation
    calls: dict[str, dict[str, Any]] = {**cast(made, suffix), **_dead(installation, suffix)}
    home, parent = installation.tenant_id, installation.api_keys["parent"]
    calls["parents_owner"] = new_person(installation, parent, f"above{suffix}", "org_owner").call
    elsewhere = installation.new_tenant(f"elsewhere{suffix}")
    calls["member_elsewhere"] = new_person(installation, elsewhere, f"member{suffix}", "org_member").call
    assert home
    return {"anonymous": {}, **{name: dict(call["metadata"]) for name, call in calls.items()}}


def _dead(installation: Installation, suffix: str) -> dict[str, dict[str, Any]]:
    home, runtime = installation.tenant_id, installation.runtime
    gone = new_person(installation, home, f"gone{suffix}", "org_owner")
    out = new_person(installation, home, f"out{suffix}", "org_owner")
    unlisted = new_client(installation, home, service_account=True)
    with runtime.store.write() as work:
        user = work.get(User, gone.id, lock=True)
        assert user is not None
        user.active = False
        revoke_access_token(work, home, digest(out.token), installation.clock.now_ms())
        allow_service_account(work, home, unlisted.id, allowed=False)
    return {"deactivated": gone.call, "revoked": out.call, "unlisted": unlisted.call}


def let_in(operation: Operation) -> set[str]:
    """Whom the documentation of the operation lets in, where it acts on others than the caller."""
    found = {name for number in operation.rules.catalogue for name in FACTS[without_names(number)]["roles"]}
    return found - {"org_member"} if operation.rules.options.access.roles_on_oneself else found


def names_a_tenant(operation: Operation) -> bool:
    return bool(operation.rules.tenant_field or operation.rules.tenant_context)


def headers_for(operation: Operation, tenant_id: str, headers: dict[str, str]) -> dict[str, str]:
    """The headers of a call, with the organization where a header names it."""
    named = {"x-vmware-vcloud-tenant-context": tenant_id} if operation.rules.tenant_context else {}
    return {**headers, **named}


def over_grpc(channel: grpc.Channel, operation: Operation, tenant_id: str, headers: dict[str, str]) -> tuple[int, str]:
    """The status over native gRPC, as the nearest of HTTP, and the words of a refusal."""
    code, said = operation.native_answer(channel, tenant_id, headers_for(operation, tenant_id, headers))
    near = {
        grpc.StatusCode.UNAUTHENTICATED: 401, grpc.StatusCode.PERMISSION_DENIED: 403, grpc.StatusCode.NOT_FOUND: 404,
    }  # fmt: skip
    assert code not in (grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED), said
    return near.get(code, 200), said


def over_rest(http: httpx.Client, operation: Operation, tenant_id: str, headers: dict[str, str]) -> tuple[int, str]:
    """The status over REST, and the body of a refusal."""
    given = headers_for(operation, tenant_id, headers)
    answer = operation.rest(http, operation.rules.routes[0], tenant_id, given)
    assert answer.status_code < 429 or answer.status_code == 501, answer.text
    return answer.status_code, answer.text if answer.is_error else ""


def is_in(answer: tuple[int, str]) -> bool:
    """Whether the caller got past the decision, whatever was wrong then."""
    status, said = answer
    unknown_tenant = status == 404 and (said == "Not Found" or '"Not Found"' in said)
    denied = status == 403 and any(words in said for words in DENIALS)
    return status != 401 and not denied and not unknown_tenant
