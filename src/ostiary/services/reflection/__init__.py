"""gRPC server reflection, under `grpc.reflection.v1` and `grpc.reflection.v1alpha` alike."""

from ostiary.services.reflection.servicer import SERVICE_NAMES, add_reflection

__all__ = ["SERVICE_NAMES", "add_reflection"]
