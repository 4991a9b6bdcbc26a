"""IBM Cloud IAM's part: API keys become access tokens."""

from ostiary.services.iam.token import TokenServicer

SERVICERS = (TokenServicer,)
"""The servicers of this dialect; what is not named here is not served."""
