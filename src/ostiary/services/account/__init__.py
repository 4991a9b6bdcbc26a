"""The account pages: what people look after themselves."""

from ostiary.services.account.account import AccountServicer
from ostiary.services.account.scripts import ScriptsServicer

SERVICERS = (AccountServicer, ScriptsServicer)
"""The servicers of the account."""
