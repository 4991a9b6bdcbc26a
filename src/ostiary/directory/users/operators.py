"""Platform operators with a password: the users of System that hold the role platform_operator."""

from __future__ import annotations

from ostiary.directory.roles.bindings import holders_of_role
from ostiary.directory.roles.built_in import PLATFORM_OPERATOR
from ostiary.directory.roles.granting import Holder, grant_role, installation_operator
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.users import UserView, create_user, find_users
from ostiary.errors import not_found
from ostiary.ids import Entropy
from ostiary.names import login_key
from ostiary.store.tenancy import SYSTEM_ID
from ostiary.store.work import Work


def add_operator(
    work: Work, name: str, email: str, password_hash: str, entropy: Entropy, now_ms: int
) -> UserView:  # fmt: skip
    """Makes an operator; `email` may be empty. Raises USERNAME_TAKEN, EMAIL_TAKEN, and what `check_user` raises."""
    emails = (Contact(email, primary=True, verified=True),) if email else ()
    new = NewUser(user_name=name, emails=emails, may_sign_in=True)
    user = create_user(work, SYSTEM_ID, new, password_hash, entropy, now_ms)
    grant_role(work, SYSTEM_ID, Holder(user.id), PLATFORM_OPERATOR, installation_operator, now_ms)
    return user


def list_operators(work: Work, now_ms: int) -> list[UserView]:
    """All operators with a password, by name: also those who are operators as members of a group."""
    found = find_users(work, SYSTEM_ID, holders_of_role(work, SYSTEM_ID, PLATFORM_OPERATOR, now_ms))
    return sorted(found.values(), key=lambda user: (login_key(user.user_name), user.id))


def get_operator(work: Work, named: str, now_ms: int) -> UserView:
    """The operator with this name or id. Raises OPERATOR_NOT_FOUND."""
    for user in list_operators(work, now_ms):
        if named == user.id or login_key(named) == login_key(user.user_name):
            return user
    raise not_found("OPERATOR_NOT_FOUND", f"There is no operator {named}.")
