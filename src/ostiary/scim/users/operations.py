"""Operations on users: made, replaced, changed, deleted, found and written, whichever request asks for it."""

from __future__ import annotations

from typing import Any

from ostiary.clock import Clock
from ostiary.directory.passwords.passwords import Passwords
from ostiary.directory.passwords.policy import check_new_password
from ostiary.directory.roles.bindings import bind_role, roles_named
from ostiary.directory.roles.built_in import ORG_MEMBER
from ostiary.directory.users.changes import amend_user
from ostiary.directory.users.external_ids import USER, change_external_id, give_external_id
from ostiary.directory.users.input import UserChange, check_user
from ostiary.directory.users.users import UserView, create_user, get_user, lock_user
from ostiary.ids import Entropy
from ostiary.oauth.sessions.access_revocation import end_access_of_user, remove_user_and_profile
from ostiary.scim.acting import Acting
from ostiary.scim.patch import apply, read_operations
from ostiary.scim.schema.attributes import USERS
from ostiary.scim.schema.chosen import EVERYTHING, Chosen
from ostiary.scim.users.belongings import Belongings
from ostiary.scim.users.document import Provisioned, UserContext, etag, read_user, writable_user, written_user
from ostiary.scim.versions import check_version
from ostiary.self_service.password_change import PasswordChange, PreparedPassword
from ostiary.store.work import Work

URN = "urn:vcloud:user:"


class UserOperations:
    """The operations on the users of an organization."""

    def __init__(
        self, url: str, clock: Clock, entropy: Entropy, passwords: Passwords, password_change: PasswordChange
    ) -> None:
        """`url` is that of the list of users."""
        self.url = url
        self._clock = clock
        self._entropy = entropy
        self._passwords = passwords
        self._password_change = password_change

    def create(self, acting: Acting, sent: Any, chosen: Chosen) -> tuple[UserView, dict[str, Any]]:
        """Makes the user that a client describes, who is a member of the organization from then on."""
        given = read_user(sent)
        phc = self._hash(acting, given) if given.password else None
        with acting.transaction() as work:
            user, known = self._created(work, acting, given, phc)
            return user, self.document(user, known, chosen)

    def replace(
        self, acting: Acting, user_id: str, sent: Any, if_match: str, chosen: Chosen
    ) -> tuple[UserView, dict[str, Any]]:
        """Makes a user what a client describes (PUT, RFC 7644 §3.5.1): what it does not name is taken away, but for the
        password and whether the user is active."""
        given = read_user(sent)
        password = self._password(acting, user_id, given.password)
        with acting.transaction() as work:
            user, known = self._amended(work, acting, user_id, if_match, lambda _user, _id: given, password)
            return user, self.document(user, known, chosen)

    def patch(
        self, acting: Acting, user_id: str, sent: Any, if_match: str, chosen: Chosen
    ) -> tuple[UserView, dict[str, Any]]:
        """Changes some of a user (PATCH, RFC 7644 §3.5.2): all operations, or none."""
        operations = read_operations(sent)

        def patched(user: UserView, external_id: str) -> Provisioned | None:
            before = writable_user(user, external_id)
            after = apply(USERS, before, operations)
            return None if after == before else Provisioned(after)

        password = None
        if any(_names_password(each.path.name.name if each.path else each.value) for each in operations):
            found = patched(get_user(acting.reading, acting.tenant_id, user_id), "")
            password = self._password(acting, user_id, found.password if found else "")
        with acting.transaction() as work:
            user, known = self._amended(work, acting, user_id, if_match, patched, password)
            return user, self.document(user, known, chosen)

    def delete(self, acting: Acting, work: Work, user_id: str, if_match: str) -> None:
        """Deletes a user with its profile, and ends all that it holds."""
        if if_match:
            lock_user(work, acting.tenant_id, user_id)  # a change that commits meanwhile would be deleted unseen
            check_version(etag(get_user(work, acting.tenant_id, user_id)), if_match)
        acting.audit_target = user_id
        remove_user_and_profile(work, acting.tenant_id, user_id, self._clock.now_ms())

    def belongings(self, acting: Acting, chosen: Chosen = EVERYTHING) -> Belongings:
        """The reader of what belongs to users and is chosen."""
        only_contacts = not any(map(chosen.shows, ("roles", "groups", "externalId")))
        return Belongings(acting.principal.id, self._clock.now_ms(), only_contacts=only_contacts)

    def document(self, user: UserView, known: Belongings, chosen: Chosen) -> dict[str, Any]:
        """The user as JSON, with what was read of it."""
        roles, groups = known.roles.get(user.id, ()), known.groups.get(user.id, ())
        context = UserContext(roles, groups, known.external_ids.get(user.id, ""), self.location(user))
        return chosen.of(written_user(user, context))

    def location(self, user: UserView) -> str:
        """The URL of a user."""
        return f"{self.url}/{user.id}"

    def _hash(self, acting: Acting, given: Provisioned) -> str:
        new = check_user(given.new_user())
        names = [new.user_name, *(email.value for email in new.emails)]
        check_new_password(acting.reading, acting.required_tenant, given.password, names)
        acting.release()
        return self._passwords.hash(acting.tenant_id, given.password)

    def _password(self, acting: Acting, user_id: str, password: str) -> PreparedPassword | None:
        if not password:
            return None
        acting.release()
        return self._password_change.prepare(acting.required_tenant, user_id, password)

    def _created(self, work: Work, acting: Acting, given: Provisioned, phc: str | None) -> tuple[UserView, Belongings]:
        tenant_id, now_ms = acting.tenant_id, self._clock.now_ms()
        user = create_user(work, tenant_id, given.new_user(), phc, self._entropy, now_ms)
        bind_role(work, tenant_id, user.id, ORG_MEMBER, now_ms)
        known = self.belongings(acting)
        known.roles = {user.id: roles_named(work, tenant_id, [ORG_MEMBER])}
        if given.external_id:
            give_external_id(work, tenant_id, acting.principal.id, USER, given.external_id, user.id)
            known.external_ids[user.id] = given.external_id
        acting.audit_target = user.id
        return user, known

    def _amended(
        self, work: Work, acting: Acting, user_id: str, if_match: str, describe: Any, password: PreparedPassword | None
    ) -> tuple[UserView, Belongings]:
        tenant_id, provisioner, now_ms = acting.tenant_id, acting.principal.id, self._clock.now_ms()
        known = self.belongings(acting)
        was_active = False

        def change_of(user: UserView) -> UserChange | None:
            nonlocal was_active
            was_active = user.active
            check_version(etag(user), if_match)
            external_id = known.external_ids.get(user.id, "")
            given = describe(user, external_id)
            if given is None:
                return None
            change_external_id(work, tenant_id, provisioner, USER, external_id, given.external_id, user.id)
            known.external_ids[user.id] = given.external_id
            change: UserChange = given.change_of(user)
            return change

        user = amend_user(work, tenant_id, user_id, change_of, now_ms, known.read)
        acting.audit_target = user.id
        if password is not None:
            self._password_change.store(work, tenant_id, password, by_user=False)
        if password is not None or (was_active and not user.active):
            end_access_of_user(work, tenant_id, user.id, now_ms)
        return user, known


def _names_password(said: Any) -> bool:
    """Whether a path, or a value without one, names the password, alone or behind the URN of its schema."""
    names = [said] if isinstance(said, str) else said
    return any(name.lower().rpartition(":")[2] == "password" for name in names)
