"""File descriptors: each connection of a client takes one, and without one nothing can be opened any more."""

from __future__ import annotations

import resource

import structlog

from ostiary.gateway.render import MOST_CONNECTIONS

RESERVED = 256
"""For what the gateway needs itself: sockets, connections to workers, its admin interface."""
_LEAST = 64
_log = structlog.get_logger("ostiary.serving")


def raise_limit() -> None:
    """Allows this process, and those that it starts, as many descriptors as the system does: many systems give a
    program 1,024 unless it asks for more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connections_allowed() -> int:
    """Returns how many connections of clients there is room for. Logs a warning when these are fewer than
    MOST_CONNECTIONS."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY or allowed >= MOST_CONNECTIONS + RESERVED:
        return MOST_CONNECTIONS
    connections = max(_LEAST, allowed - RESERVED)
    _log.warning("few connections of clients", at_most=connections, file_descriptors=allowed)
    return connections
