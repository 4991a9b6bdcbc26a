"""OpenID Connect for the whole platform."""

from ostiary.services.oidc.provider import ProviderServicer
from ostiary.services.oidc.sign_in import SignInServicer

SERVICERS = (ProviderServicer, SignInServicer)
"""The servicers of this dialect; what is not named here is not served."""
