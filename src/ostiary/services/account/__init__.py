"""The account pages: what people look after themselves."""

from ostiary.services.account.account import AccountServicer

SERVICERS = (AccountServicer,)
"""The servicers of the account."""
