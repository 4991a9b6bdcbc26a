"""IBM Cloud App ID v4: the OAuth 2.0 and OpenID Connect runtime."""

from ostiary.services.appid_oauth.activity import ActivityServicer
from ostiary.services.appid_oauth.authorization import AuthorizationServicer
from ostiary.services.appid_oauth.discovery import DiscoveryServicer
from ostiary.services.appid_oauth.mail_links import MailLinksServicer
from ostiary.services.appid_oauth.mobile_apps import MobileAppsServicer
from ostiary.services.appid_oauth.saml import SamlServicer
from ostiary.services.appid_oauth.token import TokenServicer
from ostiary.services.appid_oauth.userinfo import UserinfoServicer

SERVICERS = (
    ActivityServicer,
    AuthorizationServicer,
    DiscoveryServicer,
    MailLinksServicer,
    MobileAppsServicer,
    SamlServicer,
    TokenServicer,
    UserinfoServicer,
)
"""The servicers of this dialect; what is not named here is not served."""
