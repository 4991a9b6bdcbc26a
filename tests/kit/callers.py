"""Native gRPC callers for tests: a server of this process on a unix socket, and stubs with a bearer token."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlencode

import grpc
from google.api import httpbody_pb2
from kit.installation import Installation

from identity.iam.v1 import token_pb2, token_pb2_grpc
from ostiary.app import build_server

Stub = TypeVar("Stub")


class Caller:
    """Calls an installation over native gRPC."""

    def __init__(self, channel: grpc.Channel, installation: Installation) -> None:
        self.channel = channel
        self.installation = installation
        self._tokens: dict[str, str] = {}

    def token(self, api_key: str) -> str:
        """An IAM access token for an API key."""
        if api_key not in self._tokens:
            grant = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": api_key}
            form = httpbody_pb2.HttpBody(
                content_type="application/x-www-form-urlencoded", data=urlencode(grant).encode()
            )
            answer = token_pb2_grpc.TokenServiceStub(self.channel).ExchangeApiKey(
                token_pb2.ExchangeApiKeyRequest(form=form)
            )
            self._tokens[api_key] = json.loads(answer.data)["access_token"]
        return self._tokens[api_key]

    def as_role(self, role: str) -> dict[str, Any]:
        """Call arguments that carry the token of the installation's API key for `role` (reader, …, operator)."""
        return bearer(self.token(self.installation.api_keys[role]))


def bearer(token: str) -> dict[str, Any]:
    """Call arguments that carry a bearer token."""
    return {"metadata": (("authorization", f"Bearer {token}"),), "timeout": 20}


@contextmanager
def serving(installation: Installation) -> Iterator[Caller]:
    """The installation's gRPC server in this process, and a caller of it."""
    with tempfile.TemporaryDirectory(prefix="ostiary-rpc-") as folder:
        address = f"unix:{folder}/server.sock"
        server, _health = build_server(installation.runtime, address)
        server.start()
        try:
            with grpc.insecure_channel(address) as channel:
                yield Caller(channel, installation)
        finally:
            server.stop(None).wait()
            installation.runtime.store.close()
