"""Descriptions of the server's own interfaces."""

from ostiary.services.openapi.document import DocumentServicer
from ostiary.services.openapi.front_page import FrontPageServicer

SERVICERS = (DocumentServicer, FrontPageServicer)
"""The servicers of this dialect; what is not named here is not served."""
