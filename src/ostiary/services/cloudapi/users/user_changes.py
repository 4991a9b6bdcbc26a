"""Changes of users, as administrators of the Tenant Manager make them, in JSON or in XML."""

from __future__ import annotations

from collections.abc import Callable

from ostiary.access.policy import permissions_on
from ostiary.delivery.outbox import message_language
from ostiary.directory.passwords.lockout import is_locked
from ostiary.directory.passwords.policy import check_new_password
from ostiary.directory.roles.granting import Giver, Holder
from ostiary.directory.roles.permissions import Permission
from ostiary.directory.roles.replacing import replace_roles
from ostiary.directory.users.changes import update_user
from ostiary.directory.users.input import check_user
from ostiary.directory.users.users import UserView, create_user, get_user, lock_user
from ostiary.oauth.sessions.access_revocation import end_access_of_user
from ostiary.runtime import Runtime
from ostiary.self_service.password_change import PreparedPassword
from ostiary.services.cloudapi.references import check_organization, roles_referred_to
from ostiary.services.cloudapi.users.user_input import (
    change_of,
    check_new,
    new_user,
    password_of,
    refuse_other_changes,
    role_missing,
)
from ostiary.services.cloudapi.users.user_messages import shown_users
from ostiary.store.work import Work
from ostiary.transport.call import Call, current_call
from ostiary_api.cloudapi.v1 import cloudapi_users_pb2 as pb

Completed = Callable[[pb.User, pb.User], pb.User]
"""Fills in what a request leaves to the user as it is: takes the user as shown, then the request."""


def complete(shown: pb.User, asked: pb.User) -> pb.User:
    """The request as it is: it names all roles that the user shall have."""
    return asked


class UserChanges:
    """Creates and changes users of the organization on which the current call acts."""

    def __init__(self, runtime: Runtime) -> None:
        self._authentication = runtime.oauth.authentication
        self._clock = runtime.clock
        self._entropy = runtime.entropy
        self._passwords = runtime.directory.passwords
        self._password_change = runtime.directory.password_change
        self._self_service = runtime.directory.self_service

    def create(self, asked: pb.User) -> pb.User:
        """Creates a user and returns it. Raises ROLE_MISSING, CANNOT_LOCK, ORG_MISMATCH, INVALID_ROLE_REFERENCE, and
        what the directory raises."""
        call = current_call()
        check_new(asked)
        check_organization(asked.org_entity_ref, call.tenant_id)
        new = check_user(new_user(asked))
        phc = self._hash(call, asked) if password_of(asked) else None
        with call.transaction() as work:
            user = create_user(work, call.tenant_id, new, phc, self._entropy, self._clock.now_ms())
            self._give_roles(work, call, user.id, asked)
            call.audit_target = user.id
            return self._shown(work, call, user)

    def update(self, user_id: str, asked: pb.User, completed: Completed = complete) -> pb.User:
        """Changes a user and returns it; who does not own the organization changes the own password alone. Raises what
        `create` raises, USER_NOT_FOUND and FORBIDDEN."""
        call = current_call()
        is_owner = Permission.ORGANIZATION_OWN in permissions_on(call.principal, call.tenant_id)
        check_organization(asked.org_entity_ref, call.tenant_id)
        password = self._prepared(call, user_id, password_of(asked)) if password_of(asked) else None
        with call.transaction() as work:
            lock_user(work, call.tenant_id, user_id)
            user = get_user(work, call.tenant_id, user_id)
            shown = self._shown(work, call, user)
            whole = completed(shown, asked)
            if is_owner:
                _refuse_without_role(shown, whole)
                self._change(work, call, user, whole)
            else:
                refuse_other_changes(shown, whole)
            if password is not None:
                self._set_password(work, call, password, by_user=not is_owner)
            call.audit_target = user_id
            return self._shown(work, call, get_user(work, call.tenant_id, user_id))

    def _hash(self, call: Call, asked: pb.User) -> str:
        password = password_of(asked)
        check_new_password(call.work, call.required_tenant, password, [asked.username, asked.email])
        call.release()
        return self._passwords.hash(call.tenant_id, password)

    def _prepared(self, call: Call, user_id: str, password: str) -> PreparedPassword:
        call.release()
        return self._password_change.prepare(call.required_tenant, user_id, password)

    def _set_password(self, work: Work, call: Call, password: PreparedPassword, *, by_user: bool) -> None:
        self._self_service.set_password(
            work, call.required_tenant, password, message_language(""), call.client_ip, call.request_id,
            by_user=by_user,
        )  # fmt: skip

    def _change(self, work: Work, call: Call, user: UserView, asked: pb.User) -> None:
        now_ms = self._clock.now_ms()
        change = change_of(user, asked, is_locked=is_locked(user, now_ms))
        after = update_user(work, call.tenant_id, user.id, change, now_ms)
        self._give_roles(work, call, user.id, asked)
        if user.active and not after.active:
            end_access_of_user(work, call.tenant_id, user.id, now_ms)

    def _give_roles(self, work: Work, call: Call, user_id: str, asked: pb.User) -> None:
        roles = roles_referred_to(work, call.tenant_id, asked.role_entity_refs)
        replace_roles(work, call.tenant_id, Holder(user_id), roles, self._giver(call), self._clock.now_ms())

    def _giver(self, call: Call) -> Giver:
        return self._authentication.giver(call.principal, call.tenant_id)

    def _shown(self, work: Work, call: Call, user: UserView) -> pb.User:
        return shown_users(work, call.required_tenant, [user], self._clock.now_ms())[0]


def _refuse_without_role(shown: pb.User, asked: pb.User) -> None:
    if shown.role_entity_refs and not asked.role_entity_refs and not asked.inherit_group_roles:
        raise role_missing()
