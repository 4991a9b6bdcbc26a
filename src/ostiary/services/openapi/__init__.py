"""Descriptions of the server's own interfaces."""

from ostiary.services.openapi.document import DocumentServicer

SERVICERS = (DocumentServicer,)
"""The servicers of this dialect; what is not named here is not served."""
