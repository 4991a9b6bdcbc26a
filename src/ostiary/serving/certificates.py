"""Certificate of the public port: given to Envoy as a secret file (SDS), and again whenever it changes.

Envoy itself notices only files that are moved into place. Certificates are also copied, or are behind a symbolic link
that is changed, and certificate and key change one after the other; so they are watched here, and Envoy gets one file
that contains both.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from ostiary.config import ConfigurationError
from ostiary.files import naming, read_bytes
from ostiary.gateway.render import SECRET

_log = structlog.get_logger("ostiary.serving")


class Certificate:
    """A certificate with its key, in files that may change. `secret` is what Envoy reads."""

    def __init__(self, certificate: Path, key: Path, folder: Path) -> None:
        self._certificate = certificate
        self._key = key
        self._folder = folder
        self._seen = self._state()
        self._untaken = ""
        self.secret = folder / "tls.json"
        try:
            self._hand_over()
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"tls_cert and tls_key: {_reason(error)}") from None

    def refresh(self) -> None:
        """Hands the files over again if they have changed; while they do not belong together, the old ones stay.

        What could not be handed over, because the disk has no room, is tried again.
        """
        state = self._state()
        if state == self._seen:
            return
        try:
            self._hand_over()
        except (OSError, ValueError) as error:
            if self._untaken != (untaken := f"{state} {error}"):
                _log.warning("certificate not taken", reason=_reason(error))
            self._untaken = untaken
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                return
        else:
            _log.info("certificate taken")
        self._seen = state

    def _state(self) -> tuple[tuple[int, int, int], ...]:
        return tuple(_identity(path) for path in (self._certificate, self._key))

    def _hand_over(self) -> None:
        certificate, key = read_bytes(self._certificate), read_bytes(self._key)
        _check(certificate, key)
        _write(self.secret, json.dumps(_secret(certificate, key)).encode())


def _check(certificate: bytes, key: bytes) -> None:
    """Raises SSLError unless certificate and key belong together. OpenSSL reads only files, and these are in memory."""
    with _in_memory(certificate) as certificate_file, _in_memory(key) as key_file:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate_file, key_file, password="")


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    with open(os.memfd_create("ostiary-tls"), "wb") as file:  # noqa: PTH123 (a descriptor)
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def _secret(certificate: bytes, key: bytes) -> dict[str, object]:
    def inline(content: bytes) -> dict[str, str]:
        return {"inline_bytes": base64.b64encode(content).decode()}

    pair = {"certificate_chain": inline(certificate), "private_key": inline(key)}
    kind = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
    return {"resources": [{"@type": kind, "name": SECRET, "tls_certificate": pair}]}


def _identity(path: Path) -> tuple[int, int, int]:
    try:
        state = path.stat()
    except OSError:
        return (0, 0, 0)
    return (state.st_ino, state.st_mtime_ns, state.st_size)


def _write(path: Path, content: bytes) -> None:
    """Writes a file that only we may read, whole or not at all: Envoy looks at it when it is moved into place."""
    part = path.with_name(f"{path.name}.part")
    with naming(part), open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123 (mode)
        file.write(content)
    part.replace(path)


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"not a certificate and its unencrypted private key in PEM ({error.reason or 'unreadable'})"
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
