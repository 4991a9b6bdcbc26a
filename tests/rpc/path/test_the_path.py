"""The one path of a request: what holds for every RPC, seen over native gRPC."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from kit.callers import Caller, bearer
from sqlalchemy import update

from ostiary.access.api_keys import list_api_keys, revoke_api_key
from ostiary.directory.tenants.tenants import set_tenant_state
from ostiary.store.tables import SettingDocument, table_of
from ostiary_api.appid.management.v4 import tokens_pb2 as pb
from ostiary_api.appid.management.v4.tokens_pb2_grpc import TokensServiceStub

GET = "/identity.appid.management.v4.TokensService/GetTokensConfig"


def read(caller: Caller, **credentials: object) -> pb.TokensConfig:
    request = pb.GetTokensConfigRequest(tenant_id=caller.installation.tenant_id)
    return TokensServiceStub(caller.channel).GetTokensConfig(request, **credentials)


def write(caller: Caller, seconds: int, role: str = "writer") -> None:
    config = pb.TokensConfig(access=pb.AccessTokenConfig(expires_in=seconds))
    request = pb.PutTokensConfigRequest(tenant_id=caller.installation.tenant_id, config=config)
    TokensServiceStub(caller.channel).PutTokensConfig(request, **caller.as_role(role))


def test_an_unforeseen_fault_says_the_request_id_and_nothing_else(caller: Caller) -> None:
    write(caller, 600)
    with caller.installation.runtime.store.write() as work:
        work.run(update(table_of(SettingDocument)).values(document=b"\xff\xff not a proto"))
    caller.installation.new_api_key(caller.installation.tenant_id, "reader")  # makes the workers load anew
    credentials = bearer(caller.token(caller.installation.api_keys["reader"]))
    credentials["metadata"] += (("x-request-id", "req-4711"),)
    with pytest.raises(grpc.RpcError) as refused:
        read(caller, **credentials)
    assert refused.value.code() is grpc.StatusCode.INTERNAL
    assert refused.value.details() == "Internal error. Request id: req-4711."


def test_a_refusal_carries_its_reason_as_error_info(caller: Caller) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        write(caller, 1)
    trailers = dict(refused.value.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (info.reason, info.domain) == ("EXPIRES_IN_OUT_OF_RANGE", "ostiary")
    assert not {name for name in trailers if name.startswith("x-http")}


@pytest.mark.parametrize(
    ("role", "code"), [("reader", grpc.StatusCode.INVALID_ARGUMENT), (None, grpc.StatusCode.UNAUTHENTICATED)]
)
def test_only_who_is_somebody_learns_that_a_request_was_malformed(
    caller: Caller, role: str | None, code: grpc.StatusCode
) -> None:
    call = caller.channel.unary_unary(GET, request_serializer=bytes, response_deserializer=pb.TokensConfig.FromString)
    with pytest.raises(grpc.RpcError) as refused:
        call(b"\x0a\x02\xff\xfe", **(caller.as_role(role) if role else {"timeout": 10}))
    assert refused.value.code() is code


@pytest.mark.parametrize("token", ["x", "a.b.c", "x" * 40_000, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."])
def test_what_is_no_token_of_ours_is_refused(caller: Caller, token: str) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        read(caller, **bearer(token))
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_token_whose_signature_was_touched_is_refused(caller: Caller) -> None:
    token = caller.token(caller.installation.api_keys["reader"])
    other = "A" if token[-2] != "A" else "B"
    for touched in (token[:-2] + other + token[-1], token[:-1], token + "A", token + "="):
        with pytest.raises(grpc.RpcError) as refused:
            read(caller, **bearer(touched))
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_token_dies_with_the_second_of_its_end(caller: Caller) -> None:
    credentials = caller.as_role("reader")
    caller.installation.clock.advance(3599)
    read(caller, **credentials)
    caller.installation.clock.advance(1)
    with pytest.raises(grpc.RpcError) as refused:
        read(caller, **credentials)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_revoked_api_key_kills_its_tokens_on_the_next_request(caller: Caller) -> None:
    credentials = caller.as_role("reader")
    read(caller, **credentials)
    made = caller.installation
    with made.runtime.store.write() as work:
        key = next(key for key in list_api_keys(work, made.tenant_id) if key.role == "reader")
        revoke_api_key(work, made.tenant_id, key.id, made.clock.now_ms())
    with pytest.raises(grpc.RpcError) as refused:
        read(caller, **credentials)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_disabled_tenant_refuses_its_own_on_the_next_request_and_comes_back(caller: Caller) -> None:
    made = caller.installation
    own, operator = caller.as_role("manager"), caller.as_role("operator")
    for state, codes in [
        ("disabled", {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.NOT_FOUND}),
        ("enabled", set()),
    ]:
        with made.runtime.store.write() as work:
            set_tenant_state(work, made.tenant_id, state, made.clock.now_ms())
        seen = set()
        for credentials in (own, operator):
            try:
                read(caller, **credentials)
            except grpc.RpcError as refused:
                seen.add(refused.code())
        assert seen == codes


def test_health_and_reflection_need_no_token(caller: Caller) -> None:
    answer = health_pb2_grpc.HealthStub(caller.channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    stub = reflection_pb2_grpc.ServerReflectionStub(caller.channel)
    (listed,) = stub.ServerReflectionInfo(iter([asked]), timeout=10)
    names = {service.name for service in listed.list_services_response.service}
    assert "identity.appid.management.v4.TokensService" in names


def test_an_unknown_method_is_unimplemented(caller: Caller) -> None:
    call = caller.channel.unary_unary("/identity.appid.management.v4.TokensService/Nothing")
    with pytest.raises(grpc.RpcError) as refused:
        call(b"", timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
