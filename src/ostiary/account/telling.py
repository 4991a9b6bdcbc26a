"""Messages of the account: a mail to the person about what was changed, and from where."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.account.visits import AccountVisit
from ostiary.clock import in_words
from ostiary.delivery.channels.mail_channel import mail
from ostiary.delivery.outbox import Outbox
from ostiary.delivery.texts.templates import ACCOUNT_CHANGED
from ostiary.self_service.messages import shown_user
from ostiary.store.work import Work


@dataclass(frozen=True, slots=True)
class AccountMessages:
    """Tells people of changes that somebody else might have made."""

    outbox: Outbox

    def tell(self, work: Work, visit: AccountVisit, what: str) -> None:
        """Puts the mail into the outbox, in the transaction of the change. Nobody is told who has no address."""
        if not visit.user.email:
            return
        change = {"what": what, "time": in_words(visit.now_ms), "ipAddress": visit.call.client_ip}
        values = {"user": shown_user(visit.user), "accountChange": change}
        message = mail(ACCOUNT_CHANGED, visit.user.email, visit.look.language, values)
        self.outbox.add(work, visit.tenant.id, message, visit.now_ms)
