"""The VMware Identity Service, in the API of the Cloud Services Platform."""

from ostiary.services.csp.authentication import AuthenticationServicer
from ostiary.services.csp.check_id_token import CheckIdTokenServicer
from ostiary.services.csp.login import LoginServicer
from ostiary.services.csp.openid_configuration import OpenidConfigurationServicer
from ostiary.services.csp.organization_users import OrganizationUsersServicer
from ostiary.services.csp.organizations.organization import OrganizationServicer
from ostiary.services.csp.organizations.organization_groups import GroupServicer, OrganizationGroupsServicer
from ostiary.services.csp.principal_user import PrincipalUserServicer
from ostiary.services.csp.service_definitions import ServiceDefinitionServicer, ServiceDefinitionV2Servicer
from ostiary.services.csp.user import UserServicer
from ostiary.services.csp.user_info import UserInfoServicer
from ostiary.services.csp.user_v2 import UserV2Servicer, UserV3Servicer

SERVICERS = (
    AuthenticationServicer,
    CheckIdTokenServicer,
    GroupServicer,
    LoginServicer,
    OpenidConfigurationServicer,
    OrganizationServicer,
    OrganizationGroupsServicer,
    OrganizationUsersServicer,
    PrincipalUserServicer,
    ServiceDefinitionServicer,
    ServiceDefinitionV2Servicer,
    UserServicer,
    UserInfoServicer,
    UserV2Servicer,
    UserV3Servicer,
)
"""The servicers of this dialect; what is not named here is not served."""
