"""The Tenant Manager, in the API of Cloud Director."""

from ostiary.services.cloudapi.api_tokens import ApiTokensServicer
from ostiary.services.cloudapi.groups import GroupsServicer
from ostiary.services.cloudapi.orgs import OrgsServicer
from ostiary.services.cloudapi.preferences import PreferencesServicer
from ostiary.services.cloudapi.registration import RegistrationServicer
from ostiary.services.cloudapi.rights import RightsServicer
from ostiary.services.cloudapi.roles import RolesServicer
from ostiary.services.cloudapi.service_accounts import DeviceLookupServicer, ServiceAccountsServicer
from ostiary.services.cloudapi.sessions import SessionsServicer
from ostiary.services.cloudapi.tenant_token import TenantTokenServicer
from ostiary.services.cloudapi.users.users import UsersServicer

SERVICERS = (
    ApiTokensServicer,
    DeviceLookupServicer,
    GroupsServicer,
    OrgsServicer,
    PreferencesServicer,
    RegistrationServicer,
    RightsServicer,
    RolesServicer,
    ServiceAccountsServicer,
    SessionsServicer,
    TenantTokenServicer,
    UsersServicer,
)
"""The servicers of this dialect; what is not named here is not served."""
