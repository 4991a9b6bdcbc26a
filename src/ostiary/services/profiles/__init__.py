"""Operations of a signed-in user on the own profile."""

from ostiary.services.profiles.attributes import AttributesServicer

SERVICERS = (AttributesServicer,)
"""The servicers of this dialect; what is not named here is not served."""
