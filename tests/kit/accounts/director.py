"""An organization in cloudapi over native gRPC, in the documented JSON, with people of each role."""

from __future__ import annotations

import itertools
from typing import Any

from kit.accounts.people import Made, new_person
from kit.callers import Caller, refusal

from ostiary.store.tenancy import SYSTEM_ID

Json = dict[str, Any]
NOBODY = "00000000-0000-4000-8000-000000000000"
CONTEXT = "x-vmware-vcloud-tenant-context"
_NUMBERS = itertools.count(1)


class Director:
    """An organization of its own in the caller's installation; `owner`, `member` and `operator` are signed in."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.made = caller.installation
        self.number = next(_NUMBERS)
        self.name = f"org{self.number}"
        self.tenant_id = self.made.new_tenant(self.name)
        self.owner = self.person("owner", "org_owner")
        self.member = self.person("member", "org_member")
        self.operator = new_person(self.made, SYSTEM_ID, f"root{self.number}", "platform_operator")

    def person(self, name: str, *roles: str) -> Made:
        """A directory user, signed in."""
        return new_person(self.made, self.tenant_id, name, *roles)

    def ask(self, method: str, who: Made | None = None, context: str = "", **body: Any) -> Json:
        """Asks `Service/Method` as somebody, by default the owner; `context` names the organization for operators."""
        return self.answered(method, who, context, **body)[0]

    def answered(
        self, method: str, who: Made | None = None, context: str = "", **body: Any
    ) -> tuple[Json, dict[str, str]]:
        """The same, with the headers of the answer."""
        credentials = (who or self.owner).call
        named = ((CONTEXT, context),) if context else ()
        credentials = {**credentials, "metadata": (*credentials["metadata"], *named)}
        return self.caller.ask_with_headers(f"identity.cloudapi.v1.{method}", body, **credentials)

    def refused(self, method: str, who: Made | None = None, context: str = "", **body: Any) -> tuple[str, str]:
        """Status and reason of a refusal."""
        code, reason = refusal(lambda: self.ask(method, who, context, **body))
        return code.name, reason
