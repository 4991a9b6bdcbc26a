"""The certificate of the public port: handed to Envoy as a secret file (SDS), and again whenever it changes.

Envoy itself notices only files that are moved into place. Certificates are also copied, or stand behind a link that is
turned, and certificate and key change one after the other; so they are watched here, and Envoy gets copies that belong
together.
"""

from __future__ import annotations

import json
import os
import ssl
from pathlib import Path

import structlog

from ostiary.config import ConfigurationError
from ostiary.gateway.render import SECRET

_log = structlog.get_logger("ostiary.serving")


class Certificate:
    """A certificate with its key, in files that may change. `secret` is what Envoy reads."""

    def __init__(self, certificate: Path, key: Path, folder: Path) -> None:
        self._certificate = certificate
        self._key = key
        self._folder = folder
        self._version = 0
        self._seen = self._state()
        self.secret = folder / "tls.json"
        try:
            self._hand_over()
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(f"tls_cert and tls_key: {_reason(error)}") from None

    def refresh(self) -> None:
        """Hands the files over again if they have changed; while they do not belong together, the old ones stay."""
        state = self._state()
        if state == self._seen:
            return
        try:
            self._hand_over()
        except (OSError, ssl.SSLError) as error:
            _log.warning("certificate not taken", reason=_reason(error))
        else:
            _log.info("certificate taken", version=self._version)
        self._seen = state

    def _state(self) -> tuple[tuple[int, int, int], ...]:
        return tuple(_identity(path) for path in (self._certificate, self._key))

    def _hand_over(self) -> None:
        """Copies under a new name: Envoy takes a secret anew only when the secret says something new."""
        version = self._version + 1
        copies = {self._certificate: f"tls-{version}.crt", self._key: f"tls-{version}.key"}
        for source, name in copies.items():
            _write(self._folder / name, source.read_bytes())
        certificate, key = (self._folder / name for name in copies.values())
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password="")
        _write(self.secret, json.dumps(_secret(certificate, key)).encode())
        for old in (f"tls-{self._version}.crt", f"tls-{self._version}.key"):
            (self._folder / old).unlink(missing_ok=True)
        self._version = version


def _secret(certificate: Path, key: Path) -> dict[str, object]:
    pair = {"certificate_chain": {"filename": str(certificate)}, "private_key": {"filename": str(key)}}
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
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123 (mode)
        file.write(content)
    part.replace(path)


def _reason(error: OSError | ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"not a certificate and its unencrypted private key in PEM ({error.reason or 'unreadable'})"
    return f"{error.filename}: {error.strerror}"
