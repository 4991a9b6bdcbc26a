"""Rendering of Envoy's configuration from the template in `deploy/`, the descriptors and the settings."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2

from ostiary.config import Settings, deploy_folder, host_and_port, is_loopback, largest_message
from ostiary.gateway.lua import NATIVE_TYPES, Tables, not_grpc, script
from ostiary.gateway.operations import Interface, descriptor_file
from ostiary.gateway.refusals import MAX_HEADERS, MAX_HEADERS_KIB, RefusalResponse, answers, grpc_refusals
from ostiary.gateway.routes import DeclaredPath, Route, Traits, family_name, route_table, tree_of
from ostiary.gateway.templates import Node
from ostiary.keys.rotation import KEY_SET_AGE_S
from ostiary_api.options.v1 import rules_pb2 as options

NO_STORE = "no-store, no-cache, must-revalidate, proxy-revalidate"
PUBLIC = f"public, max-age={KEY_SET_AGE_S}"
SECRET = "public"
"""The name under which Envoy asks for its certificate."""
HEALTH_SERVICE = "ostiary.worker"
"""The service name under which a worker reports that it accepts requests; the health of the whole has the empty
name."""
OTHERWISE = Traits(family_name(options.ERROR_FAMILY_APPID))
"""The rules of paths that belong to no dialect: the error shape that most clients here can read."""
INTERNAL = ({"prefix": "x-http-"}, {"prefix": "x-local-"})
"""The headers between workers and filters: they are never sent to clients."""
FORGEABLE = (*INTERNAL, {"prefix": "x-envoy-"}, {"exact": "x-client-ip"})
"""The headers that only the gateway may set on a request."""
NOT_METADATA = ({"safe_regex": {"regex": ".*[^:0-9a-z_.-].*"}}, {"suffix": "-bin"})
"""Names of headers that HTTP allows (RFC 9110 §5.6.2) and gRPC does not, and those whose values it wants in base64: a
worker would end the stream. Nothing behind the gateway reads them, so they are dropped."""
OF_GRPC = ("grpc-encoding", "grpc-internal-encoding-request", "grpc-previous-rpc-attempts", "grpc-retry-pushback-ms")
"""Headers that a worker reads as gRPC's own; a REST client that sends one means something else, or nothing."""
GRPC_TYPES = r"application/grpc(-web|-web-text)?(\+proto)?"
"""The content types (RE2) of gRPC and gRPC-Web that are spoken here; all others that begin alike are refused."""
OPEN_STREAMS = (
    {"prefix": "/grpc.health.v1.Health/Watch", "priority": "DEFAULT", "idle": 0, "longest": 0},
    {"prefix": "/grpc.reflection.", "priority": "HIGH", "idle": 15, "longest": 60},
)
"""The streams that anybody may open and keep open, by gRPC or gRPC-Web; a stream ends after `idle` seconds without a
message, and after `longest` seconds in any case, 0 for never."""
MOST_REFLECTIONS = 16
"""Streams of reflection at once: each holds a thread of its worker."""
_RETRY = {
    "num_retries": 3,
    "retry_back_off": {"base_interval": "0.005s", "max_interval": "0.05s"},
    # A dead worker is the least busy, so it is drawn again and again: of two workers the other one is taken only when
    # all eight choices fall on it, one time in 256. Draws are cheap, and end with the first that finds another worker.
    "host_selection_retry_max_attempts": 4_096,
    "retry_host_predicate": [
        {
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
            },
        }
    ],
}
RETRY_WRITES = {"retry_on": "connect-failure,refused-stream", **_RETRY}
RETRY_READS = {"retry_on": "connect-failure,refused-stream,unavailable,reset", **_RETRY}

MOST_CONNECTIONS = 10_000
"""Connections of clients at a time."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """The addresses on which Envoy listens and of the workers. `workers` are socket paths, or HOST:PORT when they run
    elsewhere; `listeners_file` is the file from which Envoy reads its listener (LDS), so that it begins to listen when
    that is written; `filter_file` is the file of `filter_script`: where it is given, the configuration names it and the
    file of the descriptors instead of holding both, which Envoy takes long to read as YAML; `tls` is the file of the
    secret (SDS) or certificate and key, None for plain text; `hsts` tells browsers to use TLS only."""

    listen: str
    workers: Sequence[str]
    admin_socket: Path | None = None
    listeners_file: Path | None = None
    tls: Path | tuple[Path, Path] | None = None
    trusted_hops: int = 0
    request_seconds: int = 15
    file_seconds: int = 300
    max_body_bytes: int = 1 << 20
    hsts: bool = False
    log_format: str = "json"
    filter_file: Path | None = None
    most_connections: int = MOST_CONNECTIONS


def gateway_for(settings: Settings, folder: Path) -> Gateway:
    """The gateway that `settings` ask for; `folder` is the run directory. Without `admin_socket` and `tls`, which are
    the caller's to choose."""
    return Gateway(
        listen=settings.listen,
        workers=[settings.worker_address(number, folder) for number in range(settings.worker_count)],
        trusted_hops=settings.trusted_hops,
        request_seconds=settings.request_seconds,
        file_seconds=settings.file_seconds,
        max_body_bytes=settings.max_body_bytes,
        hsts=settings.is_https and not is_loopback(urlsplit(settings.base_url).hostname or ""),
        log_format=settings.log_format,
    )


def render(gateway: Gateway, interface: Interface, part: str = "all") -> str:
    """The configuration as one YAML document that refers to no other file but the TLS secret and `filter_file`.

    With a `listeners_file` it is two: `part` is "clusters" for what Envoy starts with and "listeners" for that file.
    """
    return _template().render(
        part=part,
        admin_socket=str(gateway.admin_socket) if gateway.admin_socket else None,
        listeners_file=str(gateway.listeners_file) if gateway.listeners_file else None,
        most_connections=gateway.most_connections,
        most_reflections=MOST_REFLECTIONS,
        health_service=HEALTH_SERVICE,
        endpoints=[{"endpoint": {"address": _address(worker)}} for worker in gateway.workers],
        **({} if part == "clusters" else _listener(gateway, interface)),
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701 (YAML, not HTML)
    return environment.from_string((deploy_folder() / "envoy.yaml.j2").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class _Layout:
    """Parts of a listener that follow from the interface alone."""

    routes: list[dict[str, Any]]
    not_grpc: str
    script: str


@cache
def _layout(interface: Interface) -> _Layout:
    tree = tree_of(interface.operations)
    refusals = _answers(tree)
    routes = route_table(tree, OTHERWISE)
    tables = Tables(
        tree, refusals, OTHERWISE.family, NO_STORE, interface.json_names, interface.numbers, interface.shapes,
        [[route.literal, route.traits.family] for route in routes if route.literal.strip("/")],
    )  # fmt: skip
    return _Layout(
        routes=[entry for route in routes for entry in _entries(route)],
        not_grpc=not_grpc(refusals[OTHERWISE.family], deploy_folder() / "not_grpc.lua"),
        script=script(tables, deploy_folder() / "json_body.lua", deploy_folder() / "rest.lua"),
    )


def filter_script(gateway: Gateway, interface: Interface) -> str:
    """The Lua filter."""
    return f"local MAX_BODY = {gateway.max_body_bytes}\n{_layout(interface).script}"


def _listener(gateway: Gateway, interface: Interface) -> dict[str, Any]:
    """What only the listener needs, and takes long to calculate: the routes, the tables of the Lua filter."""
    host, port = host_and_port(gateway.listen)
    layout = _layout(interface)
    allow_headers = "authorization, content-type, x-filter-type"
    return {
        # Envoy resolves no names for what it listens on.
        "host": "127.0.0.1" if host == "localhost" else host,
        "port": port,
        "tls": _tls(gateway),
        "trusted_hops": gateway.trusted_hops,
        "request_seconds": gateway.request_seconds,
        "file_seconds": max(gateway.file_seconds, gateway.request_seconds),
        "uploads": interface.uploads,
        "max_body_bytes": gateway.max_body_bytes,
        "max_message_bytes": largest_message(gateway.max_body_bytes),
        "open_streams": OPEN_STREAMS,
        "log_format": gateway.log_format,
        "max_headers": MAX_HEADERS,
        "max_headers_kib": MAX_HEADERS_KIB,
        "grpc_refusals": list(grpc_refusals()),
        "grpc_types": GRPC_TYPES,
        "native_types": "|".join(map(re.escape, NATIVE_TYPES)),
        "not_grpc": layout.not_grpc,
        "removed_request_headers": _removed((*FORGEABLE, *NOT_METADATA)),
        "of_grpc": OF_GRPC,
        "response_mutations": _response_mutations(gateway),
        "retry_reads": RETRY_READS,
        "retry_writes": RETRY_WRITES,
        "rest_cors": {"allow_headers": allow_headers, "expose_headers": ""},
        "web_cors": {
            "allow_headers": f"{allow_headers}, x-grpc-web, x-user-agent, grpc-timeout",
            "expose_headers": "grpc-status, grpc-message, grpc-status-details-bin",
        },
        "cross_origin": interface.cross_origin,
        "routes": layout.routes,
        **_long_parts(gateway, interface),
        "services": interface.services,
    }


def _long_parts(gateway: Gateway, interface: Interface) -> dict[str, Any]:
    if gateway.filter_file:
        return {
            "lua": {"filename": str(gateway.filter_file)},
            "descriptors": {"proto_descriptor": str(descriptor_file())},
        }
    return {
        "lua": {"inline_string": filter_script(gateway, interface)},
        "descriptors": {"proto_descriptor_bin": base64.b64encode(interface.descriptors).decode()},
    }


def _tls(gateway: Gateway) -> dict[str, Any] | None:
    """Returns Envoy's common_tls_context."""
    if gateway.tls is None:
        return None
    common = {"alpn_protocols": ["h2", "http/1.1"], "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"}}
    if isinstance(gateway.tls, tuple):
        certificate, key = ({"filename": str(path)} for path in gateway.tls)
        return {**common, "tls_certificates": [{"certificate_chain": certificate, "private_key": key}]}
    source = {"resource_api_version": "V3", "path_config_source": {"path": str(gateway.tls)}}
    return {**common, "tls_certificate_sds_secret_configs": [{"name": SECRET, "sds_config": source}]}


def _removed(names: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"remove_on_match": {"key_matcher": name}} for name in names]


def _response_mutations(gateway: Gateway) -> list[dict[str, Any]]:
    def absent(name: str, value: str) -> dict[str, Any]:
        return {"append": {"header": {"key": name, "value": value}, "append_action": "ADD_IF_ABSENT"}}

    hsts = [absent("strict-transport-security", "max-age=31536000")] if gateway.hsts else []
    added = [absent("cache-control", NO_STORE), absent("x-content-type-options", "nosniff"), *hsts]
    return [*_removed((*INTERNAL, {"prefix": "x-envoy-"})), *added]


def _entries(route: Route) -> Iterable[dict[str, Any]]:
    """A route, split by verb where GET may be repeated or its answer kept."""
    traits = route.traits
    path: dict[str, Any] = {"safe_regex": {"regex": route.pattern}}
    if not route.segments:
        path = {"prefix": "/"} if route.subtree else {"path": "/"}
    elif route.literal and route.subtree:
        path = {"path_separated_prefix": route.literal}
    common = {
        "name": route.name,
        "family": traits.family,
        "cors": traits.cors,
        "file": traits.file,
        "repeatable": False,
        "cache_control": "",
    }
    if traits.repeatable or traits.cacheable:
        reading = [{"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}]
        cache_control = PUBLIC if traits.cacheable else ""
        yield common | {
            "match": path | {"headers": reading},
            "repeatable": bool(traits.repeatable),
            "cache_control": cache_control,
        }
    yield common | {"match": path}


def _answers(tree: Node[DeclaredPath]) -> dict[str, dict[str, RefusalResponse]]:
    """The refusals of every family that a route may name."""
    examples = {OTHERWISE.family: (options.ERROR_FAMILY_APPID, "/")}
    for place in tree.everything():
        operation = next(iter(place.operations.values()))
        examples.setdefault(place.traits.family, (operation.family, operation.path))
    return {family: dict(answers(kind, path)) for family, (kind, path) in examples.items()}


def _address(worker: str) -> dict[str, Any]:
    if worker.startswith("/"):
        return {"pipe": {"path": worker}}
    host, port = host_and_port(worker)
    return {"socket_address": {"address": host, "port_value": port}}
