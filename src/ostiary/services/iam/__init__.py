"""The part of IBM Cloud IAM that is offered: API keys are exchanged for access tokens."""

from ostiary.services.iam.token import TokenServicer

SERVICERS = (TokenServicer,)
"""The servicers of this dialect; what is not named here is not served."""
