"""What stands between a server and its database where it stands badly: a line that goes silent, and poolers."""

from __future__ import annotations

import re
import selectors
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from kit.servers.databases import PostgresServer

_PIECE = 65_536


class Line:
    """A TCP port on this machine behind which PostgreSQL answers, as long as nobody makes it silent."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._socket = str(server.folder / ".s.PGSQL.5432")
        self._old = 0
        self._opened = 0
        self.silent = False
        """Whether new connections are silent, too."""

    def url(self, database_url: str) -> str:
        """The URL of a database of the server by way of this line."""
        return f"postgresql://postgres@127.0.0.1:{self.port}{urlsplit(database_url).path}"

    def silence_open_ones(self) -> None:
        """What is open says nothing from now on, and closes nothing."""
        self._old = self._opened

    def answer(self, client: socket.socket) -> None:
        """Carries bytes both ways, until one end closes."""
        self._opened += 1
        number = self._opened
        with socket.socket(socket.AF_UNIX) as server, selectors.DefaultSelector() as both:
            server.connect(self._socket)
            self.greet(client, server)
            both.register(client, selectors.EVENT_READ, server)
            both.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in both.select():
                    source: Any = key.fileobj
                    piece = source.recv(_PIECE)
                    if not piece:
                        return
                    if number > self._old and not self.silent:
                        key.data.sendall(piece)

    def greet(self, client: socket.socket, server: socket.socket) -> None:
        """The first message of a client."""
        server.sendall(startup(client))

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.server_address[1])

    @contextmanager
    def listening(self) -> Iterator[Line]:
        """Listens inside."""
        line = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                try:
                    line.answer(self.request)
                except OSError:
                    pass  # one end went away

        class Listener(socketserver.ThreadingTCPServer):
            daemon_threads, block_on_close, allow_reuse_address = True, False, True

        with Listener(("127.0.0.1", 0), Handler) as self._listener:
            threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True).start()
            try:
                yield self
            finally:
                self._listener.shutdown()
                self.close()

    def close(self) -> None:
        """Closes what is open beyond the clients' own lives."""


class WithoutOptions(Line):
    """A pooler that is told to ignore the startup parameter `options`, as PgBouncer is by
    `ignore_startup_parameters = options`."""

    def greet(self, client: socket.socket, server: socket.socket) -> None:
        """Leaves `options` out."""
        message = re.sub(rb"options\0[^\0]*\0", b"", startup(client)[4:], count=1)
        server.sendall(struct.pack("!I", len(message) + 4) + message)


class RefusingOptions(Line):
    """A pooler that knows no `options`, as PgBouncer does unless it is told otherwise."""

    def greet(self, client: socket.socket, server: socket.socket) -> None:
        """Says so in PgBouncer's words."""
        message = startup(client)
        if b"options\0" in message:
            text = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
            client.sendall(b"E" + struct.pack("!I", len(text) + 4) + text)
            raise OSError
        server.sendall(message)


class SharedSession(Line):
    """A pooler in transaction mode with one session, which it gives to one client at a time, for a transaction."""

    def __init__(self, server: PostgresServer) -> None:
        super().__init__(server)
        self._session: socket.socket | None = None
        self._greeting = b""
        self._turn = threading.Lock()

    def answer(self, client: socket.socket) -> None:
        """One client's life: the server's greeting from memory, and then a turn for each transaction."""
        with self._turn:
            if self._session is None:
                self._session = socket.socket(socket.AF_UNIX)
                self._session.connect(self._socket)
                self._session.sendall(startup(client))
                self._greeting = self._until_idle(self._session)
            else:
                startup(client)
        client.sendall(self._greeting)
        while message := client.recv(_PIECE):
            with self._turn:
                self._session.sendall(message)
                client.sendall(self._until_idle(self._session))

    def close(self) -> None:
        """Ends the session."""
        if self._session is not None:
            with suppress(OSError):
                self._session.shutdown(socket.SHUT_RDWR)
            self._session.close()

    def _until_idle(self, session: socket.socket) -> bytes:
        """All that the server says up to `ReadyForQuery`."""
        said = b""
        while not said.endswith((b"Z\0\0\0\x05I", b"Z\0\0\0\x05T", b"Z\0\0\0\x05E")):
            piece = session.recv(_PIECE)
            if not piece:
                raise OSError  # the server ended it, with the database
            said += piece
        return said


def startup(client: socket.socket) -> bytes:
    """The startup message of a client, after whatever it asks for before that is denied."""
    while True:
        length = struct.unpack("!I", _exactly(client, 4))[0]
        message = struct.pack("!I", length) + _exactly(client, length - 4)
        if length != 8:
            return message
        client.sendall(b"N")


def _exactly(client: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        piece = client.recv(size - len(got))
        if not piece:
            raise OSError
        got += piece
    return got
