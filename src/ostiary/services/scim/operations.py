"""Operations on resources, made of the parts of a running server."""

from __future__ import annotations

from ostiary.runtime import Runtime
from ostiary.scim.groups.operations import GroupOperations
from ostiary.scim.users.operations import UserOperations


def user_operations(runtime: Runtime) -> UserOperations:
    """The operations on users."""
    directory = runtime.directory
    return UserOperations(
        f"{runtime.issuers.public_url}/scim/v2/Users", runtime.clock, runtime.entropy, directory.passwords,
        directory.password_change,
    )  # fmt: skip


def group_operations(runtime: Runtime) -> GroupOperations:
    """The operations on groups."""
    return GroupOperations(
        f"{runtime.issuers.public_url}/scim/v2", runtime.clock, runtime.entropy, runtime.oauth.authentication
    )
