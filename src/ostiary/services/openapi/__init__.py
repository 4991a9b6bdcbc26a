"""Descriptions of the server's own interfaces."""

from ostiary.services.openapi.document import DocumentServicer
from ostiary.services.openapi.front_page import FrontPageServicer
from ostiary.services.openapi.reference import ReferenceServicer

SERVICERS = (DocumentServicer, FrontPageServicer, ReferenceServicer)
"""The servicers of this dialect; what is not named here is not served."""
