"""The OpenAPI document as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from ostiary import __version__
from ostiary.gateway.templates import segments_of, shown, variables_of
from ostiary.openapi.answers import Answers
from ostiary.openapi.comments import Comments
from ostiary.openapi.errors import Errors
from ostiary.openapi.requests import Requests
from ostiary.openapi.schemas import DescriptionError, Schema, Schemas
from ostiary.transport.rules import Route, Rules
from ostiary_api.options.v1 import rules_pb2 as options

ABOUT = """\
One directory of tenants, users, profiles, groups, roles, clients, sessions and keys, spoken in the dialects that
existing clients speak.

Security requirements name the roles of which one suffices; for access tokens of App ID, the scopes that are all
needed. Fields that are not listed are ignored. A GET without side effects answers HEAD too; other verbs are answered
with 405 and `Allow`, requests that never arrive whole with 408, headers that are too large with 431.
"""
_BEARER = "A token in the header Authorization: of the management side (from `/identity/token`, csp, cloudapi or oidc)."
SECURITY_SCHEMES: dict[str, Schema] = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": _BEARER},
    "endUser": {
        "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
        "description": "An App ID access token in the header Authorization; an identity token may follow it.",
    },
    "cspAuthToken": {"type": "apiKey", "in": "header", "name": "csp-auth-token", "description": "The same token."},
    "vcloudAuthorization": {
        "type": "apiKey", "in": "header", "name": "x-vcloud-authorization", "description": "The same token.",
    },
    "vcloudAccessToken": {
        "type": "apiKey", "in": "header", "name": "x-vmware-vcloud-access-token", "description": "The same token.",
    },
    "basic": {"type": "http", "scheme": "basic", "description": "A client id and its secret, or a user and password."},
}  # fmt: skip
_ALSO = {
    options.ERROR_FAMILY_CSP: ("cspAuthToken",),
    options.ERROR_FAMILY_CLOUDAPI: ("vcloudAccessToken", "vcloudAuthorization"),
    options.ERROR_FAMILY_VCLOUD: ("vcloudAccessToken", "vcloudAuthorization"),
}


def document(services: Sequence[ServiceDescriptor], rules: dict[str, Rules], comments: Comments) -> dict[str, Any]:
    """The OpenAPI 3.1 document of all REST paths of `services`. Raises DescriptionError for what nobody described."""
    schemas, errors = Schemas(comments), Errors()
    requests, answers = Requests(schemas, comments), Answers(schemas, errors)
    paths: dict[str, Schema] = {}
    faults: list[str] = []
    served = [service for service in services if any(_rules(rules, method).routes for method in service.methods)]
    for method in (method for service in served for method in service.methods):
        own = _rules(rules, method)
        for number, route in enumerate(own.routes):
            try:
                parameters = requests.parameters(method, own, route)
                body = requests.body(method, route)
                responses = answers.of(method, own, route)
            except DescriptionError as fault:
                faults.append(str(fault))
                continue
            paths.setdefault(_path(method, route), {})[route.verb.lower()] = {
                **_words(method, own, number, comments),
                **({"parameters": parameters} if parameters else {}),
                **({"requestBody": body} if body else {}),
                "responses": responses,
                "security": security(own),
            }
    if faults:
        raise DescriptionError("\n".join(dict.fromkeys(faults)))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ostiary", "version": __version__, "description": ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": _tag(service), "description": comments.of(service.full_name)} for service in served],
        "paths": _without_doubles(paths),
        "components": {
            "schemas": dict(sorted({**schemas.components, **errors.schemas}.items())),
            "responses": dict(sorted(errors.responses.items())),
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def security(rules: Rules) -> list[dict[str, list[str]]]:
    """The ways to authenticate, each with the roles of which one suffices, or the scopes that are all needed."""
    need = rules.need
    if options.ROLE_END_USER in rules.roles:
        return [{"endUser": sorted(need.scopes)}]
    if rules.roles:
        roles = sorted(options.Role.Name(role).removeprefix("ROLE_").lower() for role in rules.roles)
        return [{name: roles} for name in ("bearer", *_ALSO.get(rules.family, ()))]
    basic: list[dict[str, list[str]]] = [{"basic": []}]
    return [{}, *(basic if rules.options.access.credential == options.CREDENTIAL_BASIC else [])]


def _rules(rules: dict[str, Rules], method: MethodDescriptor) -> Rules:
    return rules[f"/{method.containing_service.full_name}/{method.name}"]


def _tag(service: ServiceDescriptor) -> str:
    return service.full_name.removeprefix("identity.")


def _words(method: MethodDescriptor, rules: Rules, number: int, comments: Comments) -> Schema:
    summary, rest = comments.parts(method.full_name)
    name = method.full_name.removeprefix("identity.")
    return {
        "tags": [_tag(method.containing_service)],
        "operationId": name if not number else f"{name}.{number + 1}",
        "summary": summary,
        **({"description": rest} if rest else {}),
        **({"deprecated": True} if rules.deprecated else {}),
        **({"x-catalogue": list(rules.catalogue)} if rules.catalogue else {}),
    }


def _path(method: MethodDescriptor, route: Route) -> str:
    """The path with its variables as JSON names them."""
    names = [method.input_type.fields_by_name[name].json_name for name in variables_of(route.path)]
    return shown(segments_of(route.path)).replace("{}", "{{{}}}").format(*names)


def _without_doubles(paths: dict[str, Schema]) -> dict[str, Schema]:
    """The paths in order. Raises DescriptionError for two that differ only in names of variables (OpenAPI §4.8.8)."""
    seen: dict[str, str] = {}
    for path in paths:
        other = seen.setdefault(shown(segments_of(path)), path)
        if other != path:
            raise DescriptionError(f"{path} and {other} are one path: name their variables alike")
    return dict(sorted(paths.items()))
