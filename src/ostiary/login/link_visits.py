"""Link visit: one request of a browser that follows the link in a mail, as the steps see it.

The code in the link is the transaction: whoever has it has read the mail, and it is used up once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ostiary.delivery.texts.placeholders import code_link
from ostiary.directory.users.users import UserView
from ostiary.errors import DomainError
from ostiary.http.forms import Form
from ostiary.login.flow import Step
from ostiary.login.pages import LinkPage, link_page
from ostiary.pages.appearance import Look, look_of
from ostiary.pages.rendering import HostedPage
from ostiary.self_service.one_time_codes import Code
from ostiary.store.tenancy import TenantView
from ostiary.transport.call import Call


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """A link that was opened: whose it is, and the tenant's own page for it, if there is one."""

    link: Code
    tenant: TenantView
    user: UserView
    action_url: str

    def has_done(self, step: str, meets: str) -> bool:
        """A link has one step: it is done when the code is used up."""
        return False


@dataclass(frozen=True, slots=True)
class LinkVisit:
    """A request with the `code` of a link, in the language of its mail. `form` is what was sent, if anything was."""

    call: Call
    transaction: OpenedLink
    code: str
    language: str
    public_url: str
    form: Form = field(default_factory=lambda: Form({}))

    @property
    def look(self) -> Look:
        """How the page looks: it is the tenant's, in the language of the mail."""
        accepts = self.call.metadata.get("accept-language", "")
        return look_of(self.call.work, self.transaction.tenant, (self.language,), accepts)

    def page(self, says: LinkPage, problem: DomainError | None = None) -> HostedPage:
        """A page with a form that uses the link."""
        opened = self.transaction
        return link_page(
            says, self.look, action=code_link(self.public_url, self.code, self.language), email=opened.user.email,
            redirects=bool(opened.action_url), problem=problem,
        )  # fmt: skip


class LinkStep(Step[OpenedLink, LinkVisit]):
    """A step of a link. `says` is its page, `closing` the last page, where the tenant has no page of its own."""

    says: ClassVar[LinkPage]
    closing: ClassVar[LinkPage]

    def show(self, visit: LinkVisit, problem: DomainError | None = None) -> HostedPage:
        """The page of the link. Changes nothing, since mail scanners open every link."""
        return visit.page(self.says, problem)
