"""Directory users for services inside the installation."""

from __future__ import annotations

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from ostiary.directory.groups.membership import groups_of_users
from ostiary.directory.roles.bindings import roles_of_users
from ostiary.directory.users.users import UserView, find_by_login, get_user
from ostiary.errors import invalid
from ostiary.oauth.platform.accounts import is_verified
from ostiary.runtime import Runtime
from ostiary.store.work import Work
from ostiary.transport.call import current_call
from ostiary_api.directory.v1 import directory_users_pb2 as pb
from ostiary_api.directory.v1 import directory_users_pb2_grpc


class UsersServicer(directory_users_pb2_grpc.UsersServiceServicer):
    """Finds directory users."""

    def __init__(self, runtime: Runtime) -> None:
        self._clock = runtime.clock

    def GetUser(self, request: pb.GetUserRequest, context: grpc.ServicerContext) -> pb.User:
        work = current_call().work
        return _shown(work, get_user(work, request.tenant_id, request.user_id), self._clock.now_ms())

    def LookUpUser(self, request: pb.LookUpUserRequest, context: grpc.ServicerContext) -> pb.User:
        work, (name, field) = current_call().work, _name(request)
        user = get_user(work, request.tenant_id, find_by_login(work, request.tenant_id, name, field) or "")
        return _shown(work, user, self._clock.now_ms())


def _name(request: pb.LookUpUserRequest) -> tuple[str, str]:
    field = request.WhichOneof("name")
    if field is None:
        raise invalid("NAME_MISSING", "Name a user_name or an email.")
    return getattr(request, field), "userName" if field == "user_name" else "email"


def _shown(work: Work, user: UserView, now_ms: int) -> pb.User:
    emails = sorted(user.emails, key=lambda one: not one.primary)
    groups = groups_of_users(work, user.tenant_id, [user.id])[user.id]
    roles = roles_of_users(work, user.tenant_id, [user.id], now_ms)[user.id]
    return pb.User(
        id=user.id, user_name=user.user_name, display_name=user.display_name, given_name=user.given_name,
        family_name=user.family_name, emails=[one.value for one in emails], email_verified=is_verified(user),
        locale=user.locale, active=user.active, roles=[role.name for role in roles],
        groups=[pb.UserGroup(id=group.id, display_name=group.display_name, direct=group.direct) for group in groups],
        created_at=_moment(user.created_at), modified_at=_moment(user.modified_at),
    )  # fmt: skip


def _moment(ms: int) -> Timestamp:
    moment = Timestamp()
    moment.FromMilliseconds(ms)
    return moment
