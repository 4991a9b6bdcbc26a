"""Every RPC as a test meets it: its rules, a smallest request, and how both transports are asked for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
from contract.served import RPCS
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from kit.patience import PATIENCE_S

from ostiary.transport.rules import Route, Rules

FILLER = "x"
"""What stands for every path variable but the tenant."""


@dataclass(frozen=True)
class Operation:
    """One RPC with its rules."""

    method: MethodDescriptor
    rules: Rules

    def request(self, tenant_id: str) -> Any:
        """The smallest request: the tenant, and a filler for what else stands in the path."""
        message = message_factory.GetMessageClass(self.method.input_type)()
        for name in self._path_fields():
            setattr(message, name, FILLER)
        if self.rules.tenant_field:
            setattr(message, self.rules.tenant_field, tenant_id)
        return message

    def path(self, route: Route, tenant_id: str) -> str:
        """The REST path of the same request."""

        def filled(variable: re.Match[str]) -> str:
            return tenant_id if variable[1] == self.rules.tenant_field else FILLER

        return re.sub(r"\{(\w+)[^}]*\}", filled, route.path)

    def _path_fields(self) -> set[str]:
        return {name for route in self.rules.routes for name in re.findall(r"\{(\w+)", route.path)}

    def native(self, channel: grpc.Channel, tenant_id: str, headers: dict[str, str]) -> grpc.StatusCode:
        """Asks over native gRPC; the status code."""
        return self.native_answer(channel, tenant_id, headers)[0]

    def native_answer(
        self, channel: grpc.Channel, tenant_id: str, headers: dict[str, str]
    ) -> tuple[grpc.StatusCode, str]:
        """The same, with the words of a refusal."""
        answer = message_factory.GetMessageClass(self.method.output_type)
        make: Any = channel.unary_stream if self.method.server_streaming else channel.unary_unary
        request: Any = self.request(tenant_id)
        if self.method.client_streaming:
            make, request = channel.stream_unary, iter([request])
        call = make(
            self.rules.method, request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )  # fmt: skip
        try:
            answered = call(request, metadata=tuple(headers.items()), timeout=PATIENCE_S)
            if self.method.server_streaming:
                list(answered)
        except grpc.RpcError as refused:
            code: grpc.StatusCode = refused.code()
            return code, str(refused.details())
        return grpc.StatusCode.OK, ""

    def rest(
        self, http: httpx.Client, route: Route, tenant_id: str, headers: dict[str, str], json: Any = None
    ) -> httpx.Response:
        """Asks over REST, without a body unless `json` is given."""
        return http.request(route.verb, self.path(route, tenant_id), headers=headers, json=json)


OPERATIONS = [Operation(rpc.descriptor, rpc.rules) for rpc in RPCS]
"""Every RPC that the server offers."""
