"""Platform operators with a password: the users of System that hold the role platform_operator."""

from __future__ import annotations

from sqlalchemy import select

from ostiary.directory.roles.built_in import PLATFORM_OPERATOR
from ostiary.directory.roles.organization_roles import add_membership
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import CONFIRMED, NewUser
from ostiary.directory.users.users import UserView, create_user, find_users
from ostiary.errors import not_found
from ostiary.ids import Entropy
from ostiary.names import login_key
from ostiary.store.tables import Membership, User, table_of
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.store.work import Work

_USERS, _MEMBERSHIPS = table_of(User), table_of(Membership)
_OPERATORS = (
    select(_USERS.c.id)
    .join(_MEMBERSHIPS, (_MEMBERSHIPS.c.tenant_id == _USERS.c.tenant_id) & (_MEMBERSHIPS.c.user_id == _USERS.c.id))
    .where(_USERS.c.tenant_id == SYSTEM_ID, _MEMBERSHIPS.c.role == PLATFORM_OPERATOR)
    .order_by(_USERS.c.user_name_key, _USERS.c.id)
)


def add_operator(
    work: Work, name: str, email: str, password_hash: str, entropy: Entropy, now_ms: int
) -> UserView:  # fmt: skip
    """Makes an operator; `email` may be empty. Raises USERNAME_TAKEN, EMAIL_TAKEN, and what `check_user` raises."""
    emails = (Contact(email, primary=True),) if email else ()
    new = NewUser(user_name=name, emails=emails, status=CONFIRMED)
    user = create_user(work, SYSTEM_ID, new, password_hash, entropy, now_ms)
    add_membership(work, SYSTEM_ID, user.id, PLATFORM_OPERATOR, now_ms)
    return user


def list_operators(work: Work) -> list[UserView]:
    """All operators with a password, by name."""
    ids = [row.id for row in work.rows(_OPERATORS)]
    found = find_users(work, SYSTEM_ID, ids)
    return [found[user_id] for user_id in ids if user_id in found]


def get_operator(work: Work, named: str) -> UserView:
    """The operator with this name or id. Raises OPERATOR_NOT_FOUND."""
    for user in list_operators(work):
        if named == user.id or login_key(named) == login_key(user.user_name):
            return user
    raise not_found("OPERATOR_NOT_FOUND", f"There is no operator {named}.")
