"""Public port: claimed by the supervisor for the life of the server, and closed without cutting any request.

A listening socket that is closed resets the connections that the kernel has completed and nobody has accepted yet:
their callers would see a request cut. So before the gateway closes its own socket, the port is given to a socket
of ours that accepts nothing. A client that connects then gets no answer, repeats its SYN within a second, as TCP does,
and by that time is refused.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import time
from pathlib import Path

from ostiary.config import ConfigurationError, host_and_port

_SO_ATTACH_FILTER = 26
_SO_ATTACH_REUSEPORT_CBPF = 51
_RETURN = 0x06
"""The instruction of classic BPF that ends a program with a number."""
_LISTENING, _HANDSHAKE = "0A", "03"
_LONGEST_WAIT_S = 0.5
_LOOK_S = 0.02


class Port:
    """A claim to HOST:PORT that no other server can make, and that the gateway, as the same user, may listen on.

    Raises ConfigurationError when the address is taken or not ours.
    """

    def __init__(self, listen: str) -> None:
        host, port = host_and_port(listen)
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            self._port = port
            self._socket = claim = socket.socket(family, kind, protocol)
            if family == socket.AF_INET6:
                claim.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # as the gateway's: they must be alike
            claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            claim.bind(address)
        except OSError as error:
            raise ConfigurationError(f"listen: cannot listen on {listen}: {error.strerror}") from None
        # Bound alone; shared from now on with sockets that ask for it. Another supervisor does not, and is refused.
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)

    def close(self) -> None:
        """Gives the claim up; also called in a child, whose copy it is none of."""
        self._socket.close()

    def turn_away(self, others: int) -> None:
        """Prevents new connections until `close`, or for the caller's whole patience.

        `others` is how many sockets of the gateway listen. Returns when it has accepted those that were being made.
        """
        try:
            _attach(self._socket, _SO_ATTACH_FILTER, 0)  # of every packet that comes, keep nothing
            self._socket.listen(1)
            _attach(self._socket, _SO_ATTACH_REUSEPORT_CBPF, others)  # the socket that came last gets all
        except OSError:
            return  # a kernel without these: then a few that connect at this very moment are reset
        latest = time.monotonic() + _LONGEST_WAIT_S
        time.sleep(_LOOK_S)
        while time.monotonic() < latest and self._on_their_way():
            time.sleep(_LOOK_S)

    def _on_their_way(self) -> bool:
        """Whether a connection to the port is in its handshake, or complete and not accepted."""
        table = "tcp6" if self._socket.family == socket.AF_INET6 else "tcp"
        ours = f":{self._port:04X}"
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            _, local, _, state, queues, *_ = line.split()
            waiting = state == _LISTENING and int(queues.partition(":")[2], 16) > 0
            if local.endswith(ours) and (waiting or state == _HANDSHAKE):
                return True
        return False


def _attach(to: socket.socket, option: int, number: int) -> None:
    """Attaches the filter that says `number` of every packet."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", _RETURN, 0, 0, number))
    to.setsockopt(socket.SOL_SOCKET, option, struct.pack("HL", 1, ctypes.addressof(program)))
