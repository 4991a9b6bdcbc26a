"""An organization with groups of people, asked as its owner where nobody else is named."""

from __future__ import annotations

from typing import Any

from kit.accounts.organization import Organization
from kit.accounts.people import Made
from kit.servers.installation import ENTROPY

from ostiary.directory.groups.groups import GroupDescription, create_group
from ostiary.directory.groups.membership import add_member
from ostiary.directory.roles.bindings import bind_role
from ostiary.directory.roles.granting import Holder, installation_operator
from ostiary.store.tables import GROUP


class World(Organization):
    """One organization. Requests and answers are the JSON of the gateway."""

    @property
    def now_s(self) -> int:
        return self.clock.now_ms() // 1_000

    def team(self, name: str, *members: Made | str, role: str = "", until_s: int | None = None) -> str:
        """The id of a group of people and groups; `role` is given until that second."""
        now_ms = self.clock.now_ms()
        with self.made.runtime.store.write() as work:
            team = create_group(work, self.id, GroupDescription(name), ENTROPY, now_ms).id
            for member in members:
                holder = Holder(member, GROUP) if isinstance(member, str) else Holder(member.id)
                add_member(work, self.id, team, holder, installation_operator, now_ms)
            if role:
                until = None if until_s is None else until_s * 1_000
                bind_role(work, self.id, team, role, now_ms, kind=GROUP, expires_at=until)
        return team

    def give(self, person: Made, role: str, until_s: int) -> None:
        with self.made.runtime.store.write() as work:
            bind_role(work, self.id, person.id, role, self.clock.now_ms(), expires_at=until_s * 1_000)

    def get(self, method: str, who: Made | None = None, **body: Any) -> Any:
        """Calls `Service/Method` of csp."""
        where = {} if method.startswith("GroupService/") else {"orgId": self.id}
        return self.ask(method, who or self.owner, **where, **body)

    def refused(self, method: str, who: Made | None = None, **body: Any) -> str:
        """The reason with which a call is refused; empty when it is answered."""
        where = {} if method.startswith("GroupService/") else {"orgId": self.id}
        return self.refusal(method, who or self.owner, **where, **body)[1]
