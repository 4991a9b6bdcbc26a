"""What the server says of itself."""

from ostiary.services.openapi.document import DocumentServicer

SERVICERS = (DocumentServicer,)
"""The servicers of this dialect; what is not named here is not served."""
