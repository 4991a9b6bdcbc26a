"""Operations on groups: made, replaced, changed, deleted, found and written, whichever request asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ostiary.access.authentication import Authentication
from ostiary.clock import Clock
from ostiary.directory.groups.groups import (
    GroupDescription,
    GroupView,
    create_group,
    delete_group,
    get_group,
    lock_group,
    update_group,
)
from ostiary.directory.groups.members import (
    Member,
    are_few,
    find_holders,
    member_counts,
    members_of_groups,
)
from ostiary.directory.groups.membership import add_members, remove_members, replace_members
from ostiary.directory.roles.granting import Holder
from ostiary.directory.users.external_ids import change_external_id, external_id_of, external_ids_of, give_external_id
from ostiary.errors import invalid
from ostiary.ids import Entropy
from ostiary.scim.acting import Acting
from ostiary.scim.filters.matching import fulfils
from ostiary.scim.filters.nodes import Node
from ostiary.scim.groups.document import etag, member_ids, writable_group, written_group
from ostiary.scim.groups.member_changes import MAX_MEMBERS, MemberChange, member_changes, part_members
from ostiary.scim.patch import REMOVE, REPLACE, apply, read_operations
from ostiary.scim.schema.attributes import GROUPS
from ostiary.scim.schema.chosen import Chosen
from ostiary.scim.schema.values import read_resource, wrong
from ostiary.scim.versions import check_version
from ostiary.store.work import Work

MOST_SHOWN = 20_000
"""Members that one answer shows, in all of its groups together."""
FEW = 100
"""Members up to which a change is answered with the group: what is larger need not be read to be changed."""


class GroupOperations:
    """The operations on the groups of an organization; `url` is the root of the service."""

    def __init__(self, url: str, clock: Clock, entropy: Entropy, authentication: Authentication) -> None:
        self.root = url
        self.url = f"{url}/Groups"
        self._clock = clock
        self._entropy = entropy
        self._authentication = authentication

    def create(self, acting: Acting, sent: Any, chosen: Chosen) -> tuple[GroupView, dict[str, Any]]:
        """Makes the group that a client describes, with its members."""
        given = read_resource(GROUPS, sent)
        tenant_id, now_ms = acting.tenant_id, self._clock.now_ms()
        with acting.transaction() as work:
            group = create_group(work, tenant_id, _description(given), self._entropy, now_ms)
            acting.audit_target = group.id
            if given.get("externalId"):
                give_external_id(work, tenant_id, acting.principal.id, GROUPS.name, given["externalId"], group.id)
            ids = _sent_members(given)
            if ids:
                self._change(work, acting, group.id, MemberChange(REPLACE, ids))
            group = get_group(work, tenant_id, group.id)
            return group, self.written(acting, work, [group], chosen)[0]

    def replace(
        self, acting: Acting, group_id: str, sent: Any, if_match: str, chosen: Chosen
    ) -> tuple[GroupView, dict[str, Any]]:
        """Makes a group what a client describes (PUT): members that it does not name go."""
        given = read_resource(GROUPS, sent)
        with acting.transaction() as work:
            group = self._locked(work, acting, group_id, if_match)
            self._describe(work, acting, group, given)
            self._change(work, acting, group_id, MemberChange(REPLACE, _sent_members(given)))
            group = get_group(work, acting.tenant_id, group_id)
            return group, self.written(acting, work, [group], chosen)[0]

    def patch(
        self, acting: Acting, group_id: str, sent: Any, if_match: str, chosen: Chosen
    ) -> tuple[GroupView, dict[str, Any] | None]:
        """Changes some of a group: all operations, or none. The second is None where the group has many members, which
        nobody has asked to see: what a change costs must not grow with the group.

        Who is added and does not exist is left out, since a user may go while a client adds it; the answer shows who is
        in. Who takes the place of all others must exist.
        """
        of_members, others = part_members(read_operations(sent))
        with acting.transaction() as work:
            group = self._locked(work, acting, group_id, if_match)
            before = writable_group(group, self._external_id(work, acting, group_id))
            after = apply(GROUPS, before, others)
            if after != before:
                self._describe(work, acting, group, after)
            for change in member_changes(of_members, lambda condition: _inside(work, group, condition)):
                self._change(work, acting, group_id, change)
            group = get_group(work, acting.tenant_id, group_id)
            return group, self._shown(acting, work, group, chosen)

    def delete(self, acting: Acting, work: Work, group_id: str, if_match: str) -> None:
        """Deletes a group; its members stay."""
        self._locked(work, acting, group_id, if_match)
        now_ms = self._clock.now_ms()
        delete_group(
            work, acting.tenant_id, group_id, self._authentication.giver(acting.principal, acting.tenant_id), now_ms
        )

    def written(self, acting: Acting, work: Work, groups: Sequence[GroupView], chosen: Chosen) -> list[dict[str, Any]]:
        """The groups as JSON; members that are not chosen are not read either. Raises TOO_MANY_MEMBERS."""
        ids = [group.id for group in groups]
        members: Mapping[str, Sequence[Member]] = {}
        if chosen.shows("members"):
            if sum(member_counts(work, acting.tenant_id, ids).values()) > MOST_SHOWN:
                message = f"An answer shows at most {MOST_SHOWN} members: ask with excludedAttributes=members."
                raise invalid("TOO_MANY_MEMBERS", message, scim_type="tooMany")
            members = members_of_groups(work, acting.tenant_id, ids)
        return self._documents(acting, work, groups, members, chosen)

    def location(self, group: GroupView) -> str:
        """The URL of a group."""
        return f"{self.url}/{group.id}"

    def _shown(self, acting: Acting, work: Work, group: GroupView, chosen: Chosen) -> dict[str, Any] | None:
        if chosen.only is not None or not chosen.shows("members"):
            return self.written(acting, work, [group], chosen)[0]
        return self.written(acting, work, [group], chosen)[0] if are_few(work, group.id, FEW) else None

    def _documents(
        self, acting: Acting, work: Work, groups: Sequence[GroupView], members: Mapping[str, Sequence[Member]],
        chosen: Chosen,
    ) -> list[dict[str, Any]]:  # fmt: skip
        ids = [group.id for group in groups]
        names = external_ids_of(work, acting.tenant_id, acting.principal.id, GROUPS.name, ids)
        return [
            chosen.of(written_group(group, members.get(group.id, ()), names.get(group.id, ""), self.root))
            for group in groups
        ]

    def _locked(self, work: Work, acting: Acting, group_id: str, if_match: str) -> GroupView:
        group = lock_group(work, acting.tenant_id, group_id)
        check_version(etag(group), if_match)
        acting.audit_target = group.id
        return group

    def _external_id(self, work: Work, acting: Acting, group_id: str) -> str:
        return external_id_of(work, acting.tenant_id, acting.principal.id, GROUPS.name, group_id)

    def _describe(self, work: Work, acting: Acting, group: GroupView, given: Mapping[str, Any]) -> None:
        tenant_id, provisioner = acting.tenant_id, acting.principal.id
        before = self._external_id(work, acting, group.id)
        change_external_id(work, tenant_id, provisioner, GROUPS.name, before, given.get("externalId", ""), group.id)
        update_group(work, tenant_id, group.id, _description(given, group.description), self._clock.now_ms())

    def _change(self, work: Work, acting: Acting, group_id: str, change: MemberChange) -> None:
        tenant_id, now_ms = acting.tenant_id, self._clock.now_ms()
        permitted = self._authentication.giver(acting.principal, tenant_id)
        if change.verb == REMOVE:
            remove_members(work, tenant_id, group_id, change.ids, permitted, now_ms)
        elif change.verb == REPLACE:
            replace_members(work, tenant_id, group_id, _holders(work, tenant_id, change.ids), permitted, now_ms)
        else:
            known = list(find_holders(work, tenant_id, change.ids).values())
            add_members(work, tenant_id, group_id, known, permitted, now_ms)


def _description(given: Mapping[str, Any], description: str = "") -> GroupDescription:
    return GroupDescription(given["displayName"], description)


def _sent_members(given: Mapping[str, Any]) -> list[str]:
    sent = given.get("members", ())
    ids = member_ids(sent)
    if "" in ids:
        raise wrong("A member has a value: the id of a user or group.")
    if len(sent) > MAX_MEMBERS:
        message = f"One request names at most {MAX_MEMBERS} members; add the others by PATCH."
        raise invalid("TOO_MANY_MEMBERS", message, scim_type="tooMany")
    return ids


def _holders(work: Work, tenant_id: str, ids: Sequence[str]) -> list[Holder]:
    """The users and groups of these ids, whatever type the client has said."""
    found = find_holders(work, tenant_id, ids)
    missing = [each for each in ids if each not in found]
    if missing:
        raise wrong(f"members: this organization has no user or group {missing[0][:64]}.")
    return [found[each] for each in ids]


def _inside(work: Work, group: GroupView, condition: Node) -> list[str]:
    """The members that fulfil a condition that does not name them: here all must be read."""
    parts = GROUPS.attributes["members"].parts
    members = members_of_groups(work, group.tenant_id, [group.id])[group.id]
    return [
        each.id for each in members
        if fulfils({"value": each.id, "type": each.kind, "display": each.display_name}, condition, parts)
    ]  # fmt: skip
