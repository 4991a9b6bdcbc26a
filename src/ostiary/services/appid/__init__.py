"""IBM Cloud App ID v4."""

from ostiary.services.appid.action_urls import ActionUrlsServicer
from ostiary.services.appid.advanced_password_management import AdvancedPasswordManagementServicer
from ostiary.services.appid.applications import ApplicationsServicer
from ostiary.services.appid.cloud_directory_transfer import CloudDirectoryTransferServicer
from ostiary.services.appid.cloud_directory_transfer_jobs import CloudDirectoryTransferJobsServicer
from ostiary.services.appid.cloud_directory_users import CloudDirectoryUsersServicer
from ostiary.services.appid.email_dispatcher import EmailDispatcherServicer
from ostiary.services.appid.identity_providers import IdentityProvidersServicer
from ostiary.services.appid.languages import LanguagesServicer
from ostiary.services.appid.mfa import MfaServicer
from ostiary.services.appid.password_regex import PasswordRegexServicer
from ostiary.services.appid.rate_limit import RateLimitServicer
from ostiary.services.appid.recent_activity import RecentActivityServicer
from ostiary.services.appid.redirect_uris import RedirectUrisServicer
from ostiary.services.appid.roles import RolesServicer
from ostiary.services.appid.runtime_activity import RuntimeActivityServicer
from ostiary.services.appid.saml_metadata import SamlMetadataServicer
from ostiary.services.appid.self_service import SelfServiceServicer
from ostiary.services.appid.sender_details import SenderDetailsServicer
from ostiary.services.appid.sms_dispatcher import SmsDispatcherServicer
from ostiary.services.appid.sso import SsoServicer
from ostiary.services.appid.templates import TemplatesServicer
from ostiary.services.appid.tokens import TokensServicer
from ostiary.services.appid.users import UsersServicer
from ostiary.services.appid.users_profile import UsersProfileServicer
from ostiary.services.appid.widget import WidgetServicer

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
    PasswordRegexServicer,
    RateLimitServicer,
    RecentActivityServicer,
    RedirectUrisServicer,
    RolesServicer,
    RuntimeActivityServicer,
    SamlMetadataServicer,
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
