"""The VMware Identity Service, in the API of the Cloud Services Platform."""

from ostiary.services.csp.authentication import AuthenticationServicer
from ostiary.services.csp.check_id_token import CheckIdTokenServicer
from ostiary.services.csp.login import LoginServicer
from ostiary.services.csp.openid_configuration import OpenidConfigurationServicer
from ostiary.services.csp.organization import OrganizationServicer
from ostiary.services.csp.organization_users import OrganizationUsersServicer
from ostiary.services.csp.principal_user import PrincipalUserServicer

SERVICERS = (
    AuthenticationServicer,
    CheckIdTokenServicer,
    LoginServicer,
    OpenidConfigurationServicer,
    OrganizationServicer,
    OrganizationUsersServicer,
    PrincipalUserServicer,
)
"""The servicers of this dialect; what is not named here is not served."""
