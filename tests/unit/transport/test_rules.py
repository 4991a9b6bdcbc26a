"""Rules that are missing or contradict themselves stop the server."""

from __future__ import annotations

import pytest
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor

from ostiary.transport.rules import RulesError, read_rules
from ostiary_api.options.v1 import rules_pb2 as options

GOOD = options.MethodRules(
    access=options.Access(roles=[options.ROLE_READER], tenant_field="tenant_id"), rate_limit="management"
)


def service(
    rules: options.MethodRules | None,
    *,
    verb: str = "get",
    reads: bool = True,
    family: int = options.ERROR_FAMILY_APPID,
) -> ServiceDescriptor:
    """A service of one RPC, built at run time."""
    file = descriptor_pb2.FileDescriptorProto(name="t.proto", package="t", syntax="proto3")
    message = file.message_type.add(name="Request")
    message.field.add(name="tenant_id", number=1, type="TYPE_STRING", label="LABEL_OPTIONAL")
    made = file.service.add(name="TService")
    made.options.Extensions[options.service_rules].error_family = family
    method = made.method.add(name="Do", input_type=".t.Request", output_type=".t.Request")
    setattr(method.options.Extensions[annotations_pb2.http], verb, "/t/{tenant_id}")
    if reads:
        method.options.idempotency_level = descriptor_pb2.MethodOptions.NO_SIDE_EFFECTS
    if rules is not None:
        method.options.Extensions[options.rules].CopyFrom(rules)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindServiceByName("t.TService")


def changed(**fields: object) -> options.MethodRules:
    """GOOD with other fields."""
    rules = options.MethodRules()
    rules.CopyFrom(GOOD)
    rules.MergeFrom(options.MethodRules(**fields))
    return rules


def test_good_rules_are_read_with_their_defaults() -> None:
    read = read_rules([service(GOOD)], ["management"])["/t.TService/Do"]
    assert read.success_status == 200
    assert read.transaction == options.TRANSACTION_READ
    assert [(route.verb, route.path) for route in read.routes] == [("GET", "/t/{tenant_id}")]


@pytest.mark.parametrize(
    ("descriptor", "fault"),
    [
        (service(None), "has no rules"),
        (service(options.MethodRules(rate_limit="management", access=options.Access(tenant_field="tenant_id"))),
         "must name roles or be anonymous"),
        (service(changed(access=options.Access(anonymous=True))), "must name roles or be anonymous"),
        (service(changed(access=options.Access(roles=[options.ROLE_UNSPECIFIED]))), "ROLE_UNSPECIFIED"),
        (service(changed(access=options.Access(tenant_field="nowhere"))), "'nowhere' is no field"),
        (service(options.MethodRules(access=options.Access(roles=[options.ROLE_READER]), rate_limit="management")),
         "has a tenant_id that access.tenant_field does not name"),
        (service(changed(rate_limit="nobody_knows")), "'nobody_knows' has no numbers"),
        (service(GOOD, family=options.ERROR_FAMILY_UNSPECIFIED), "no error family"),
        (service(changed(transaction=options.TRANSACTION_WRITE)), "no side effects, yet"),
        (service(GOOD, reads=False), "GET with side effects"),
        (service(changed(audit="appid.x.update", transaction=options.TRANSACTION_READ), reads=False),
         "names an audit event, yet opens no transaction"),
        (service(changed(audit_runtime=True)), "audit_runtime without naming an audit event"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_rpc(descriptor: ServiceDescriptor, fault: str) -> None:
    with pytest.raises(RulesError, match=fault) as refused:
        read_rules([descriptor], ["management"])
    assert "/t.TService/Do" in str(refused.value)
