"""Pending step of a sign-in: the password was right, or the account is new, and the mail address is not confirmed."""

from __future__ import annotations

from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.directory.users.users import UserView, find_by_login, find_user
from ostiary.errors import DomainError, Kind
from ostiary.ids import Entropy, new_id
from ostiary.login.flow import Done
from ostiary.login.needs import IDENTITY
from ostiary.login.pages import form_page
from ostiary.login.visits import SignInStep, SignInVisit
from ostiary.oauth.authorize.request import MAX_LOGIN_HINT
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.pages.rendering import HostedPage
from ostiary.pages.texts import marked
from ostiary.self_service.messages import UserMessages
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

_USER, _ADDRESS = "pending", "pending_address"
_SENT_AGAIN = marked("The mail was sent again.")


class PendingStep(SignInStep):
    """Says where the mail went that confirms the address, and sends it again. Whoever has followed the link goes back
    to the password, by another step of this sign-in.

    For an address that has an account already the page is the same, and its notes name nobody: who signs up learns
    nothing of others.
    """

    name = "pending"
    meets = IDENTITY

    def __init__(self, messages: UserMessages, entropy: Entropy) -> None:
        self._messages = messages
        self._entropy = entropy

    def applies(self, work: Work, tenant: TenantView, transaction: SignInTransaction) -> bool:
        """Applies where an earlier step has found the address unconfirmed."""
        return _USER in transaction.notes

    def begin(self, visit: SignInVisit, user_id: str, address: str) -> HostedPage:
        """The page, after another step has found it out; `user_id` is empty where there is nobody to send a mail to."""
        visit.remember({_USER: user_id or new_id(self._entropy), _ADDRESS: address[:MAX_LOGIN_HINT]})
        return self.show(visit)

    def refused(self, visit: SignInVisit, error: DomainError) -> HostedPage:
        """The page after a right password that was refused with USER_NOT_VERIFIED."""
        work, tenant, typed = visit.call.work, visit.call.required_tenant, visit.form.get("username")
        user_id = find_by_login(work, tenant.id, typed, CLOUD_DIRECTORY.read(work, tenant).identity_field)
        user = find_user(work, tenant.id, user_id) if user_id else None
        return self.begin(visit, user.id, user.email) if user else self.begin(visit, "", typed)

    def show(self, visit: SignInVisit, problem: DomainError | None = None, note: str = "") -> HostedPage:
        """The page with a button that sends the mail again."""
        look = visit.look
        return form_page(
            "pending.html", look, redirects=False, problem=problem, action=visit.action, hidden=visit.hidden(self.name),
            address=visit.transaction.notes[_ADDRESS], note=look.texts(note), back=visit.way_back("sign_up"),
            ways={"password": look.texts(marked("I have confirmed it: sign in"))},
        )  # fmt: skip

    def submit(self, visit: SignInVisit) -> HostedPage | Done:
        """Sends the mail again, under the caps of messages. Raises TOO_MANY_MESSAGES."""
        call, notes, language = visit.call, visit.transaction.notes, visit.look.language
        user = find_user(call.work, call.tenant_id, notes[_USER])
        call.release()
        self._messages.count(call.tenant_id, user.email if user else notes[_ADDRESS], call.counted_ip)
        if user is not None and user.email and not user.email_verified:
            self._send(visit, user, language)
        return self.show(visit, note=_SENT_AGAIN)

    def _send(self, visit: SignInVisit, user: UserView, language: str) -> None:
        with visit.store.write() as work:
            self._messages.verification(work, visit.call.required_tenant, user, language)


def is_pending(error: DomainError) -> bool:
    """Whether a right password was refused since the address is not confirmed."""
    return error.kind is Kind.DENIED and error.reason == "USER_NOT_VERIFIED"
