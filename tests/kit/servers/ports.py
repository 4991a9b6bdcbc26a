"""Free loopback ports for servers of the tests' own."""

from __future__ import annotations

import random
import socket

_OWN = range(10_240, 32_768)
"""Below those that the kernel gives to whoever connects: between the probe and the server's start nobody takes one."""


def free_port() -> int:
    """A loopback port that nobody listens on; chosen by chance, since several processes run tests at once."""
    while True:
        port = random.choice(_OWN)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
