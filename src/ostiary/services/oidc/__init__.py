"""OpenID Connect for the whole platform."""

from ostiary.services.oidc.provider import ProviderServicer

SERVICERS = (ProviderServicer,)
"""The servicers of this dialect; what is not named here is not served."""
