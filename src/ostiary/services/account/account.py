"""The pages of a person's own account."""

from __future__ import annotations

import grpc
from google.api import httpbody_pb2

from ostiary.account.account import Account
from ostiary.account.applications import RevokeApplication
from ostiary.account.authenticator import AuthenticatorPage, NewAuthenticator
from ostiary.account.details import DetailsPage, NewDetails
from ostiary.account.email.change import NewEmail, SendEmailCode
from ostiary.account.email.page import EmailPage
from ostiary.account.entry import FLOW, AccountEntered, AccountRequests
from ostiary.account.factors import RemoveFactor
from ostiary.account.overview import Overview
from ostiary.account.passkey import NewPasskey, PasskeyPage
from ostiary.account.password import NewPassword, PasswordPage
from ostiary.account.sessions import EndOtherSessions, EndSession
from ostiary.account.telling import AccountMessages
from ostiary.directory.factors.relying_party import relying_party
from ostiary.directory.factors.tries import FactorTries
from ostiary.http.forms import read_form_of
from ostiary.login.sign_in import SignIn
from ostiary.login.steps import sign_in_steps
from ostiary.login.visits import SignInSite
from ostiary.oauth.authorize.transactions import SignInTransactions
from ostiary.runtime import Runtime
from ostiary.transport.call import current_call
from ostiary_api.account.v1 import account_pb2 as pb
from ostiary_api.account.v1 import account_pb2_grpc


class AccountServicer(account_pb2_grpc.AccountServiceServicer):
    """Shows the pages of the account and takes their forms."""

    def __init__(self, runtime: Runtime) -> None:
        self._sign_in = _sign_in(runtime)
        self._account = _account(runtime, self._sign_in)

    def ShowAccount(self, request: pb.ShowAccountRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return self._account.show(current_call(), request.part, request.done, recent=bool(request.recent))

    def ChangeAccount(self, request: pb.ChangeAccountRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        return self._account.change(current_call(), request.part, read_form_of(request.form, pb.AccountForm))

    def SubmitSignIn(self, request: pb.SubmitSignInRequest, context: grpc.ServicerContext) -> httpbody_pb2.HttpBody:
        form = read_form_of(request.form, pb.SignInForm, *self._sign_in.fields)
        return self._account.sign_in(current_call(), form)


def _sign_in(runtime: Runtime) -> SignIn:
    """The sign-in of App ID's applications, with an end of its own."""
    clock, entropy = runtime.clock, runtime.entropy
    return SignIn(
        runtime.store, SignInTransactions(runtime.sealing, clock, entropy, FLOW), clock, entropy,
        SignInSite.below(runtime.issuers.account("{}"), "/sign_in/step"), AccountRequests(runtime.issuers),
        AccountEntered(clock, entropy, runtime.events), sign_in_steps(runtime),
    )  # fmt: skip


def _account(runtime: Runtime, sign_in: SignIn) -> Account:
    """The account. A new page and a new change are named here."""
    store, events, directory = runtime.store, runtime.events, runtime.directory
    party, secure = relying_party(runtime.issuers.public_url), runtime.issuers.public_url.startswith("https:")
    messages = AccountMessages(runtime.messages.outbox)
    new_password = NewPassword(
        runtime.clock, runtime.entropy, directory.self_service, directory.password_change,
        runtime.oauth.user_sign_in, secure=secure,
    )  # fmt: skip
    new_app = NewAuthenticator(runtime.clock, runtime.entropy, runtime.sealing, messages, events, secure=secure)
    new_passkey = NewPasskey(party, runtime.clock, runtime.entropy, runtime.sealing, messages, events, secure=secure)
    tries = FactorTries(store, runtime.clock, runtime.limits.exact, events)
    new_email = NewEmail(runtime.clock, directory.self_service, runtime.sealing, tries, messages, events)
    return Account(
        store, runtime.issuers, runtime.clock, events, sign_in,
        [
            Overview(runtime.issuers), PasswordPage(), DetailsPage(), EmailPage(runtime.sealing),
            PasskeyPage(party, runtime.entropy), AuthenticatorPage(runtime.entropy, runtime.sealing),
        ],
        [
            EndSession(events), EndOtherSessions(events), RevokeApplication(events), new_password,
            NewDetails(directory.self_service), new_passkey, new_app, RemoveFactor(messages, events),
            SendEmailCode(directory.self_service, runtime.messages.factor_codes, runtime.sealing), new_email,
        ],
    )  # fmt: skip
