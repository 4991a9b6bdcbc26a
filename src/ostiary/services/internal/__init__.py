"""Typed gRPC for services inside the installation; no REST paths."""

from ostiary.services.internal.access import AccessServicer
from ostiary.services.internal.users import UsersServicer

SERVICERS = (
    AccessServicer,
    UsersServicer,
)
"""The servicers of this dialect; what is not named here is not served."""
