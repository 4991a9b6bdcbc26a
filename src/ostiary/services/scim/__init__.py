"""SCIM 2 (RFC 7643, RFC 7644)."""

from ostiary.services.scim.groups import GroupsServicer
from ostiary.services.scim.me import MeServicer
from ostiary.services.scim.resources import ResourcesServicer
from ostiary.services.scim.service_provider_config import ServiceProviderConfigServicer
from ostiary.services.scim.users import UsersServicer

SERVICERS = (
    GroupsServicer,
    MeServicer,
    ResourcesServicer,
    ServiceProviderConfigServicer,
    UsersServicer,
)
"""The servicers of this dialect; what is not named here is not served."""
