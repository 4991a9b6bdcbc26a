"""Native gRPC callers for tests: a server of this process on a unix socket, and stubs with a bearer token."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlencode

import grpc
from google.api import httpbody_pb2
from google.protobuf import descriptor_pool, json_format
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from kit.patience import PATIENCE_S
from kit.servers.installation import Installation

from ostiary.app import build_server
from ostiary.services.served import SERVICES, Service
from ostiary.transport.health import SERVING
from ostiary_api.iam.v1 import iam_token_pb2, iam_token_pb2_grpc

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
            answer = iam_token_pb2_grpc.TokenServiceStub(self.channel).ExchangeApiKey(
                iam_token_pb2.ExchangeApiKeyRequest(form=form)
            )
            self._tokens[api_key] = json.loads(answer.data)["access_token"]
        return self._tokens[api_key]

    def forget_tokens(self) -> None:
        """The next calls get new tokens: those until now were revoked."""
        self._tokens.clear()

    def ask(self, method: str, body: dict[str, Any], role: str = "writer", **credentials: Any) -> dict[str, Any]:
        """Calls `package.Service/Method` with a request in JSON, as the gateway does, and returns the answer's JSON."""
        return self.ask_with_headers(method, body, **(credentials or self.as_role(role)))[0]

    def ask_with_headers(
        self, method: str, body: dict[str, Any], **credentials: Any
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """The same, with the headers of the answer."""
        service, _, name = method.rpartition("/")
        descriptor = descriptor_pool.Default().FindServiceByName(service).FindMethodByName(name)
        request, answer = (GetMessageClass(part) for part in (descriptor.input_type, descriptor.output_type))
        method_call = self.channel.unary_unary(f"/{method}", request.SerializeToString, answer.FromString)
        received, call = method_call.with_call(json_format.ParseDict(body, request()), **credentials)
        headers = {name: str(value) for name, value in call.initial_metadata()}
        return json_format.MessageToDict(received, always_print_fields_with_no_presence=True), headers

    def as_role(self, role: str) -> dict[str, Any]:
        """Call arguments that carry the token of the installation's API key for `role` (reader, …, operator)."""
        return bearer(self.token(self.installation.api_keys[role]))


def bearer(token: str) -> dict[str, Any]:
    """Call arguments that carry a bearer token."""
    return {"metadata": (("authorization", f"Bearer {token}"),), "timeout": PATIENCE_S}


def refusal(ask: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
    """Status and reason with which a call is refused; OK and nothing when it is answered."""
    try:
        ask()
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata() or ())
        info = error_details_pb2.ErrorInfo()
        for detail in status_pb2.Status.FromString(trailers.get("grpc-status-details-bin", b"")).details:
            detail.Unpack(info)
        return error.code(), info.reason
    return grpc.StatusCode.OK, ""


@contextmanager
def serving(installation: Installation, services: Sequence[Service] = SERVICES) -> Iterator[Caller]:
    """The installation's gRPC server in this process, and a caller of it."""
    with tempfile.TemporaryDirectory(prefix="ostiary-rpc-") as folder:
        address = f"unix:{folder}/server.sock"
        server, health = build_server(installation.runtime, address, services)
        server.start()
        health.set("", SERVING)
        try:
            with grpc.insecure_channel(address) as channel:
                yield Caller(channel, installation)
        finally:
            server.stop(None).wait()
            installation.runtime.close()
