"""IBM Cloud App ID v4."""

from ostiary.services.appid.clients.applications import ApplicationsServicer
from ostiary.services.appid.clients.mobile_registration import MobileRegistrationServicer
from ostiary.services.appid.clients.redirect_uris import RedirectUrisServicer
from ostiary.services.appid.clients.scim_tokens import ScimTokensServicer
from ostiary.services.appid.clients.sso import SsoServicer
from ostiary.services.appid.clients.tokens import TokensServicer
from ostiary.services.appid.directory.advanced_password_management import AdvancedPasswordManagementServicer
from ostiary.services.appid.directory.cloud_directory_transfer import CloudDirectoryTransferServicer
from ostiary.services.appid.directory.cloud_directory_transfer_jobs import CloudDirectoryTransferJobsServicer
from ostiary.services.appid.directory.cloud_directory_users import CloudDirectoryUsersServicer
from ostiary.services.appid.directory.password_regex import PasswordRegexServicer
from ostiary.services.appid.directory.rate_limit import RateLimitServicer
from ostiary.services.appid.directory.self_service import SelfServiceServicer
from ostiary.services.appid.messages.action_urls import ActionUrlsServicer
from ostiary.services.appid.messages.email_dispatcher import EmailDispatcherServicer
from ostiary.services.appid.messages.sender_details import SenderDetailsServicer
from ostiary.services.appid.messages.sms_dispatcher import SmsDispatcherServicer
from ostiary.services.appid.messages.templates import TemplatesServicer
from ostiary.services.appid.profiles.recent_activity import RecentActivityServicer
from ostiary.services.appid.profiles.roles import RolesServicer
from ostiary.services.appid.profiles.runtime_activity import RuntimeActivityServicer
from ostiary.services.appid.profiles.users import UsersServicer
from ostiary.services.appid.profiles.users_profile import UsersProfileServicer
from ostiary.services.appid.signin.identity_providers import IdentityProvidersServicer
from ostiary.services.appid.signin.languages import LanguagesServicer
from ostiary.services.appid.signin.mfa import MfaServicer
from ostiary.services.appid.signin.saml_metadata import SamlMetadataServicer
from ostiary.services.appid.signin.widget import WidgetServicer

SERVICERS = (
    ActionUrlsServicer,
    AdvancedPasswordManagementServicer,
    ApplicationsServicer,
    CloudDirectoryTransferJobsServicer,
    CloudDirectoryTransferServicer,
    CloudDirectoryUsersServicer,
    EmailDispatcherServicer,
    IdentityProvidersServicer,
    LanguagesServicer,
    MfaServicer,
    MobileRegistrationServicer,
    PasswordRegexServicer,
    RateLimitServicer,
    RecentActivityServicer,
    RedirectUrisServicer,
    RolesServicer,
    RuntimeActivityServicer,
    SamlMetadataServicer,
    ScimTokensServicer,
    SelfServiceServicer,
    SenderDetailsServicer,
    SmsDispatcherServicer,
    SsoServicer,
    TemplatesServicer,
    TokensServicer,
    UsersProfileServicer,
    UsersServicer,
    WidgetServicer,
)
"""The servicers of this dialect; what is not named here is not served."""
