"""Reflection protocol in both of its packages: `grpc.reflection.v1alpha`, which grpcio contains, and
`grpc.reflection.v1`."""

from __future__ import annotations

from google.protobuf import descriptor_pool, text_format
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileOptions
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection_pb2

SERVICE = "ServerReflection"
METHOD = "ServerReflectionInfo"


def _renamed() -> ServiceDescriptor:
    """Creates v1 from v1alpha: the same messages and numbers under another name, since no package of Python has v1. It
    is in a pool of its own, where it cannot collide with another copy."""
    written = text_format.MessageToString(FileDescriptorProto.FromString(reflection_pb2.DESCRIPTOR.serialized_pb))
    written = written.replace("grpc.reflection.v1alpha", "grpc.reflection.v1")
    file = text_format.Parse(written, FileDescriptorProto())
    file.name = "grpc/reflection/v1/reflection.proto"
    file.options.CopyFrom(FileOptions())  # they name v1alpha's packages of other languages, and call it deprecated
    pool = DescriptorPool()
    pool.Add(file)
    return pool.FindFileByName(file.name).services_by_name[SERVICE]


V1ALPHA = descriptor_pool.Default().FindServiceByName(f"grpc.reflection.v1alpha.{SERVICE}")
V1 = _renamed()
