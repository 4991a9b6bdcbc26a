"""Bulk requests (RFC 7644 §3.7): several operations at once, whose resources may name one another by `bulkId`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ostiary.errors import DomainError, Kind, conflict, invalid
from ostiary.scim.bodies import error_document

REQUEST_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
RESPONSE_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
MAX_OPERATIONS = 500
_METHODS = ("POST", "PUT", "PATCH", "DELETE")
_PATH = re.compile(r"/?(Users|Groups)(?:/([^/]+))?/?")
_REFERENCE = re.compile(r"bulkId:([^/\s]+)")
_ENDS_ALL = frozenset({Kind.CANCELLED, Kind.DEADLINE_EXCEEDED, Kind.INTERNAL})


@dataclass(frozen=True, slots=True)
class BulkOperation:
    """One operation: on a resource of `endpoint`, Users or Groups, that `resource` names, but for a POST."""

    method: str
    endpoint: str
    resource: str
    bulk_id: str
    version: str
    data: Any

    @property
    def references(self) -> frozenset[str]:
        """The bulkIds that its path and data name."""
        return frozenset(_named(self.data) | set(_REFERENCE.findall(self.resource)))


@dataclass(frozen=True, slots=True)
class Done:
    """What an operation has made: the resource's id, its URL and version; the status of success."""

    id: str
    location: str
    version: str
    status: int


Carry = Callable[[BulkOperation], Done]
"""Carries one operation out; raises DomainError."""


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """The operations in their order, and the number of errors after which it ends; 0: never."""

    operations: Sequence[BulkOperation]
    fail_on_errors: int


def read_bulk(sent: Any) -> BulkRequest:
    """The request; raises INVALID_BULK (400), TOO_MANY_OPERATIONS (413)."""
    members = {name.lower(): value for name, value in sent.items()} if isinstance(sent, dict) else {}
    schemas, operations = members.get("schemas"), members.get("operations")
    if not isinstance(schemas, list) or REQUEST_SCHEMA not in schemas:
        raise _wrong(f"schemas must name {REQUEST_SCHEMA}")
    if not isinstance(operations, list) or not operations:
        raise _wrong("Operations must be a list of at least one operation")
    if len(operations) > MAX_OPERATIONS:
        message = f"A bulk request has at most {MAX_OPERATIONS} operations; this one has {len(operations)}."
        raise DomainError(Kind.TOO_LARGE, "TOO_MANY_OPERATIONS", message)
    limit = members.get("failonerrors", 0)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
        raise _wrong("failOnErrors must be a whole number")
    read = [_operation(each) for each in operations]
    named = [each.bulk_id for each in read if each.bulk_id]
    if len(set(named)) < len(named):
        raise _wrong("two operations have the same bulkId")
    return BulkRequest(read, limit)


def _operation(sent: Any) -> BulkOperation:
    members = {name.lower(): value for name, value in sent.items()} if isinstance(sent, dict) else {}
    texts = {name: members.get(name) or "" for name in ("method", "path", "bulkid", "version")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise _wrong("method, path, bulkId and version are texts")
    method, path = texts["method"].upper(), _PATH.fullmatch(texts["path"])
    if method not in _METHODS:
        raise _wrong(f"method is one of {', '.join(_METHODS)}")
    if path is None or (path[2] is None) != (method == "POST"):
        raise _wrong("path is /Users or /Groups for a POST, and a resource below them for any other method")
    if method == "POST" and not texts["bulkid"]:
        raise _wrong("a POST has a bulkId")
    if method != "DELETE" and not isinstance(members.get("data"), dict):
        raise _wrong(f"a {method} has data, an object")
    return BulkOperation(method, path[1], path[2] or "", texts["bulkid"], texts["version"], members.get("data"))


def carry_out(request: BulkRequest, carry: Carry) -> dict[str, Any]:
    """Carries out all operations, each after those that make what it refers to, and returns the BulkResponse: its
    operations are those that were tried, in the order of the request."""
    order = _in_order(request.operations)
    made: dict[str, str] = {}
    results: dict[int, dict[str, Any]] = {}
    errors = 0
    for place, circular in order:
        operation = request.operations[place]
        try:
            done = _carried(operation, made, carry, circular=circular)
        except DomainError as error:
            if error.kind in _ENDS_ALL:
                raise
            results[place] = _named_result(operation) | {
                "status": str(error.kind.value), "response": error_document(error),
            }  # fmt: skip
            errors += 1
            if request.fail_on_errors and errors >= request.fail_on_errors:
                break
            continue
        if operation.method == "POST":
            made[operation.bulk_id] = done.id
        version = {"version": done.version} if done.version else {}
        results[place] = _named_result(operation) | {"location": done.location, **version, "status": str(done.status)}
    return {"schemas": [RESPONSE_SCHEMA], "Operations": [results[place] for place in sorted(results)]}


def _named_result(operation: BulkOperation) -> dict[str, str]:
    return {"method": operation.method, **({"bulkId": operation.bulk_id} if operation.bulk_id else {})}


def _in_order(operations: Sequence[BulkOperation]) -> list[tuple[int, bool]]:
    """The places of the operations in the order in which they can be carried out, those that wait for one another last
    and marked."""
    makes = {each.bulk_id: place for place, each in enumerate(operations) if each.method == "POST"}
    waiting = {
        place: {makes[name] for name in each.references if name in makes} for place, each in enumerate(operations)
    }
    order: list[tuple[int, bool]] = []
    ready: set[int] = set()
    while waiting:
        free = [place for place, needs in waiting.items() if needs <= ready]
        if not free:
            return [*order, *((place, True) for place in waiting)]
        for place in free:
            del waiting[place]
            ready.add(place)
            order.append((place, False))
    return order


def _carried(operation: BulkOperation, made: Mapping[str, str], carry: Carry, *, circular: bool) -> Done:
    if circular:
        raise conflict("BULK_CIRCLE", "The operation refers to one that refers to it, directly or through others.")
    missing = sorted(operation.references - made.keys())
    if missing:
        message = f"bulkId:{missing[0][:64]} names no resource that this request has made."
        raise invalid("BULK_ID_UNKNOWN", message, scim_type="invalidValue")
    resource = _REFERENCE.sub(lambda found: made[found[1]], operation.resource)
    return carry(
        BulkOperation(
            operation.method, operation.endpoint, resource, operation.bulk_id, operation.version,
            _filled(operation.data, made),
        )
    )  # fmt: skip


def _named(value: Any) -> set[str]:
    match value:
        case str():
            found = _REFERENCE.fullmatch(value)
            return {found[1]} if found else set()
        case dict():
            return set().union(*map(_named, value.values()))
        case list():
            return set().union(*map(_named, value))
        case _:
            return set()


def _filled(value: Any, made: Mapping[str, str]) -> Any:
    match value:
        case str():
            found = _REFERENCE.fullmatch(value)
            return made[found[1]] if found else value
        case dict():
            return {name: _filled(member, made) for name, member in value.items()}
        case list():
            return [_filled(each, made) for each in value]
        case _:
            return value


def _wrong(why: str) -> DomainError:
    return invalid("INVALID_BULK", f"The bulk request cannot be read: {why}.", scim_type="invalidSyntax")
