"""Requests that are one step beyond a bound of their proto, and those that are just within, made from the descriptors.

A right request has every field, with the smallest value that the options allow. Each case changes one value of it.
"""

from __future__ import annotations

import base64
import copy
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from contract.served import RPCS, Rpc
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from ostiary.transport.bounds.reading import (
    Bounds,
    bounds_of,
    described_items,
    fewest_fields,
    is_list_value,
    is_map,
    operation_checks,
)
from ostiary_api.options.v1 import rest_pb2 as rest

Json = Any
ABSENT: Any = object()
BODY = {"contentType": "application/json", "data": base64.b64encode(b'{"actionUrl": "https://a.example/"}').decode()}
CODES = {"google.protobuf.Struct": {}, "google.protobuf.Value": "x", "google.api.HttpBody": BODY}
SAMPLES: dict[str, Json] = {
    "UserServiceRolesUpdate.service_definition_link": "/csp/gateway/slc/api/definitions/external/x",
    "tenant_id": "{tenant}",
    "org_id": "{tenant}",
    "client_id": "{client}",
    "role_id": "{role}",
    "RegisterTenantClientRequest.tenant": "{org}",
    "org_entity_ref": {"id": "{tenant}", "name": "x"},
    "ListUsersRequest.filter": "username==x",
    "ListGroupUsersRequest.filter": "username==x",
    "filter": "name==x",
    "user_id": "{user}",
    "language": "en",
    "PutMfaChannelRequest.channel": "nexmo",
    "ThemeColor.header_color": "#EEF2F5",
    "SmsDispatcherTest.phone_number": "+14155550123",
    "PasswordRegexConfig.base64_encoded_regex": base64.b64encode(b"^.{8,}$").decode(),
    "Template.base64_encoded_html_body": base64.b64encode(b"<p>").decode(),
    "SamlProviderConfig.certificates": "{certificate}",
    "OpenIdProviderConfig.issuer": "https://192.0.2.1",
    "CustomProviderConfig.public_key": "{public_key}",
    "CloudDirectoryUser.password": "correct horse battery",
    "CloudDirectoryEmail.primary": False,
    "CloudDirectoryPhoneNumber.primary": False,
    "RoleAccess.application_id": "{client}",
    "ApplicationScopes.scopes": "read",
    "PutMfaExtensionRequest.extension": {
        "isActive": True,
        "config": {"url": "https://192.0.2.1/", "headers": {"a": "b"}},
    },
}
"""Values of fields, by the end of their names, that the options alone do not say."""
READ_WITH: dict[str, dict[str, Json]] = {
    "DispatcherAuthorization.value": {"type": "value"},
    "DispatcherAuthorization.username": {"type": "basic"},
    "DispatcherAuthorization.password": {"type": "basic"},
    "PasswordRegexConfig.regex": {"base64_encoded_regex": ABSENT},
    "Template.html_body": {"base64_encoded_html_body": ABSENT},
    "sort_asc": {"sortDesc": ABSENT},
    "sort_desc": {"sortAsc": ABSENT},
    "scim.v2.ListUsersRequest.sort_by": {"excludedAttributes": ABSENT, "filter": ABSENT},
    "scim.v2.ListUsersRequest.sort_order": {"excludedAttributes": ABSENT, "filter": ABSENT, "sortBy": ABSENT},
    "scim.v2.ListGroupsRequest.sort_order": {"excludedAttributes": ABSENT, "filter": ABSENT, "sortBy": ABSENT},
}
"""What must be beside a field, or absent there, so that the operation reads it."""
ELSEWHERE = {
    "AuthorizeRequest": "tests/rpc/oauth/test_authorization.py: the application is told, or the browser",
    "ForgotPasswordRequest": "tests/rpc/login/test_account_pages.py: the same",
    "ChangePasswordRequest": "tests/rpc/login/test_account_pages.py: the same",
    "ChangeDetailsRequest": "tests/rpc/login/test_account_pages.py: the same",
}
"""Messages whose bounds are not refused with an error of their own, and where they are tested."""
UNREAD = {("UpdateCloudDirectoryUser", "password")}
"""Fields that an operation ignores, since it has another for them."""
IN_BYTES = {"encryption_secret", "password"}
"""Fields that the operation measures in bytes too."""


@dataclass(frozen=True)
class Case:
    """A request that differs from a right one in one value. `within`: the value is the last one that is allowed;
    `by_operation`: the operation checks this bound itself."""

    rpc: Rpc
    claim: str
    by_operation: bool
    field: FieldDescriptor
    request: Json
    within: bool

    @property
    def is_of_path(self) -> bool:
        """Whether a value of the path is left out, which leads to another path over REST."""
        is_there = (f"{{{self.field.name}" in route.path for route in self.rpc.rules.routes)
        return self.claim == f"{self.field.json_name}: missing" and any(is_there)

    @property
    def blamed(self) -> list[str]:
        """The names that a refusal may write: of the field, or of a part that is missing with it."""
        names = [self.field.json_name, self.field.name]
        if self.claim.endswith("missing") or "without" in self.claim:
            parts = self.field.message_type.fields if self.field.message_type else []
            required = bounds_of(self.field).allowed.requires
            names += [part.json_name for part in parts if part.name in required or bounds_of(part).required]
        return names

    @property
    def id(self) -> str:
        """The name of the case in reports."""
        return f"{self.rpc.descriptor.name}-{self.claim}"


Found = tuple[str, bool, FieldDescriptor, Json, bool]
"""A claim, whether the operation checks it, the field, the request, and whether that is within the bound."""


@functools.cache
def cases() -> Sequence[Case]:
    """Every case of every RPC."""
    found = (Case(rpc, *each) for rpc in RPCS for each in _of_request(rpc.descriptor.input_type))
    return [case for case in found if (case.rpc.descriptor.name, case.field.name) not in UNREAD]


def right_case(rpc: Rpc) -> Case:
    """The right request of an RPC, without a change."""
    message = rpc.descriptor.input_type
    return Case(rpc, "right", False, message.fields[0], right(message), True)


def _of_request(message: Descriptor) -> Iterator[Found]:
    return _of_message(message, right(message), "", own=False)


def right(message: Descriptor) -> Json:
    """A right value of a message."""
    return {field.json_name: _right(field) for field in message.fields if not bounds_of(field).allowed.read_only}


def _right(field: FieldDescriptor) -> Json:
    sample = _sampled(field)
    bounds, number = bounds_of(field), bounds_of(field).fewest_items or 1
    if is_list_value(field):
        item = described_items(field)
        one = right(item) if item is not None else {} if bounds.allowed.objects else _scalar(field)
        return [one] * number
    if sample is not None and not field.is_repeated:
        return sample
    if is_map(field):
        return {"x": "x"}
    single = _single(field)
    return [single] * number if field.is_repeated else single


def _single(field: FieldDescriptor) -> Json:
    part = field.message_type
    if part is None:
        return _scalar(field)
    return CODES[part.full_name] if part.full_name in CODES else right(part)


def _sampled(field: FieldDescriptor) -> Json:
    return next((value for name, value in SAMPLES.items() if f".{field.full_name}".endswith(f".{name}")), None)


def _scalar(field: FieldDescriptor) -> Json:
    bounds, sample = bounds_of(field), _sampled(field)
    if sample is not None:
        return sample
    if field.type == FieldDescriptor.TYPE_BOOL:
        return True
    if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_MESSAGE):
        return _text(bounds)
    return bounds.least if bounds.declares_number else 1


def _text(bounds: Bounds) -> str:
    if bounds.values:
        return bounds.values[0]
    if bounds.allowed.format == "email":
        return "ann@example.com"
    if bounds.allowed.text == rest.TEXT_WEB_URL or bounds.allowed.format == "uri":
        return "https://192.0.2.1/"
    return "x"


def _of_message(message: Descriptor, document: Json, where: str, *, own: bool) -> Iterator[Found]:
    """The cases of a message: each a copy of `document` with one change."""
    own = own or bool(operation_checks(message))
    for field in message.fields:
        bounds = bounds_of(field)
        if message.name in ELSEWHERE or bounds.allowed.read_only or field.json_name not in document:
            continue
        checked_there = own or bool(bounds.allowed.operation_checks)
        path = f"{where}.{field.json_name}" if where else field.json_name
        beside = _beside(field)
        for claim, value, within in _changes(field, bounds, document[field.json_name]):
            yield (
                f"{path}: {claim}",
                checked_there,
                field,
                _changed(document, {**beside, field.json_name: value}),
                within,
            )
        for found in _inside(field, document[field.json_name], path, own=checked_there):
            yield (*found[:3], _changed(document, {field.json_name: found[3]}), found[4])
    if fewest_fields(message) and where:
        yield f"{where}: empty", own, message.fields[0], {}, False


def _beside(field: FieldDescriptor) -> dict[str, Json]:
    """What else is changed: of two orders only one is sent, whichever field the case is about."""
    orders = {"sortDesc": ABSENT} if "sort_asc" in field.containing_type.fields_by_name else {}
    return next((facts for name, facts in READ_WITH.items() if f".{field.full_name}".endswith(f".{name}")), orders)


def _inside(field: FieldDescriptor, value: Json, path: str, *, own: bool) -> Iterator[Found]:
    """The cases of what a field holds."""
    part = described_items(field) if is_list_value(field) else field.message_type
    if part is None or part.full_name.startswith("google.") or is_map(field):
        return
    one = value[0] if isinstance(value, list) else value
    for claim, there, inner, document, within in _of_message(part, one, path, own=own):
        yield claim, there, inner, [document, *value[1:]] if isinstance(value, list) else document, within


def _changed(document: Json, changes: dict[str, Json]) -> Json:
    changed = {**copy.deepcopy(document), **changes}
    return {name: value for name, value in changed.items() if value is not ABSENT}


def _changes(field: FieldDescriptor, bounds: Bounds, value: Json) -> Iterator[tuple[str, Json, bool]]:
    """What a field may be changed to: the claim, the value, and whether it is still within the bounds."""
    allowed = bounds.allowed
    if bounds.required and not (field.is_repeated and not is_list_value(field)):
        yield "missing", ABSENT, False
    for name in allowed.requires:
        part = field.message_type.fields_by_name[name].json_name if field.message_type else name
        yield f"without {part}", {key: held for key, held in value.items() if key != part}, False
    if isinstance(value, list | dict) and (field.is_repeated or is_list_value(field)):
        yield from _counts(bounds, value)
    if is_list_value(field) and (allowed.texts or allowed.objects or allowed.items):
        yield "an item of another kind", [*value, 7], False
    if is_map(field):
        return
    for claim, changed, within in _values(field, bounds):
        yield claim, [changed] if field.is_repeated or is_list_value(field) else changed, within


def _counts(bounds: Bounds, value: Json) -> Iterator[tuple[str, Json, bool]]:
    if bounds.fewest_items:
        yield "too few", [], False
    if bounds.most_items is None:
        return
    for number, within in ((bounds.most_items, True), (bounds.most_items + 1, False)):
        claim = f"{number} items"
        if isinstance(value, dict):
            yield claim, {f"x{place}": "x" for place in range(number)}, within
        elif isinstance(value[0], str) and not bounds.values and not value[0].startswith("{"):
            yield claim, [f"{value[0]}{place}" for place in range(number)], within
        else:
            yield claim, value[:1] * number, within


def _values(field: FieldDescriptor, bounds: Bounds) -> Iterator[tuple[str, Json, bool]]:
    allowed = bounds.allowed
    is_text = field.type == FieldDescriptor.TYPE_STRING or (is_list_value(field) and allowed.texts)
    if not is_text and bounds.declares_number:
        yield from _numbers(bounds)
    if not is_text:
        return
    if bounds.shortest and (field.has_presence or field.is_repeated):
        yield "empty", "", False
    if bounds.longest is not None:
        yield f"{bounds.longest + 1} characters", _long(bounds, bounds.longest + 1, field), False
        if not (allowed.pattern and allowed.text) and field.name != "language":
            yield f"{bounds.longest} characters", _long(bounds, bounds.longest, field), True
    if bounds.values:
        yield "none of the values", "no such value", False
        yield "the last of the values", bounds.values[-1], True
    if allowed.pattern:
        yield "against its pattern", ":\u0007~", False
    if allowed.format:
        yield f"no {allowed.format}", "nothing", False
    if allowed.text:
        wrong = {rest.TEXT_LINE: "a\nb", rest.TEXT_WEB_URL: "ftp://example.com/", rest.TEXT_ASCII: "ä"}
        yield "of another kind", wrong[allowed.text], False


def _long(bounds: Bounds, length: int, field: FieldDescriptor) -> str:
    sample = _scalar(field)
    if bounds.allowed.format == "email":
        return "a" * (length - len(sample)) + sample
    plain = not (bounds.allowed.pattern or bounds.allowed.format or bounds.allowed.text or field.name == "filter")
    if plain and field.name not in IN_BYTES:
        return "ä" * length
    return ("a" * length) if plain else (sample + "a" * length)[:length]


def _numbers(bounds: Bounds) -> Iterator[tuple[str, Json, bool]]:
    if bounds.allowed.HasField("minimum"):
        yield "the minimum", bounds.least, True
        yield "below the minimum", bounds.least - 1, False
    if bounds.allowed.HasField("maximum"):
        yield "the maximum", bounds.most, True
        yield "above the maximum", bounds.most + 1, False
