"""Rights in cloudapi: the permissions that roles can hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import grpc

from ostiary.directory.roles.permissions import Permission
from ostiary.directory.roles.right_list import RIGHTS, Right, list_rights
from ostiary.errors import invalid, not_found
from ostiary.ids import guid
from ostiary.runtime import Runtime
from ostiary.services.cloudapi.paging import asked_list, paged
from ostiary.transport.call import current_call
from ostiary_api.cloudapi.v1 import cloudapi_roles_pb2, rights_pb2_grpc
from ostiary_api.cloudapi.v1 import rights_pb2 as pb
from ostiary_api.cloudapi.v1.entity_pb2 import EntityReference


class RightsServicer(rights_pb2_grpc.RightsServiceServicer):
    """The rights of which roles are made."""

    def __init__(self, runtime: Runtime) -> None:
        self._url = f"{runtime.issuers.public_url}/cloudapi/1.0.0/rights"

    def ListRights(self, request: pb.ListRightsRequest, context: grpc.ServicerContext) -> pb.Rights:
        return page_of_rights(self._url, request, Permission)

    def GetRight(self, request: pb.GetRightRequest, context: grpc.ServicerContext) -> pb.Right:
        found = RIGHTS.get(guid(request.id, "right"))
        if found is None:
            raise not_found("RIGHT_NOT_FOUND", "There is no such right.")
        return _right(found)


def page_of_rights(
    url: str, request: pb.ListRightsRequest | cloudapi_roles_pb2.ListRoleRightsRequest, among: Iterable[Permission]
) -> pb.Rights:  # fmt: skip
    """The page of rights that a request asks for."""
    found, total = list_rights(current_call().work, among, request.filter, **asked_list(request, "name"))
    return pb.Rights(**paged(url, "Rights", request, total), values=map(_right, found))


def permissions_referred_to(references: Sequence[EntityReference]) -> frozenset[Permission]:
    """The permissions of the rights that these references name: by id, or by name where there is no id. Raises
    INVALID_RIGHT_REFERENCE."""
    by_name = {right.permission.value: right for right in RIGHTS.values()}
    found = set()
    for one in references:
        right = RIGHTS.get(guid(one.id, "right")) if one.id else by_name.get(one.name)
        if right is None:
            raise invalid("INVALID_RIGHT_REFERENCE", f"There is no right {one.id or one.name!r}.")
        found.add(right.permission)
    return frozenset(found)


def _right(right: Right) -> pb.Right:
    return pb.Right(
        id=f"urn:vcloud:right:{right.id}", name=right.permission.value, description=right.description,
        bundle_key=f"RIGHT_{right.permission.name}", right_type="VIEW" if right.only_reads else "MODIFY",
    )  # fmt: skip
