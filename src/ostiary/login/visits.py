"""Visit: one request of a browser in a sign-in, as the steps see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from ostiary.http.forms import Form
from ostiary.ids import Entropy, digest, new_secret
from ostiary.login.answers import with_query
from ostiary.login.cookies import cookies_of, session_secret, set_session
from ostiary.login.flow import STEP, SentAway, Step
from ostiary.login.returning import clear_away, keep_away
from ostiary.oauth.authorize.request import PAGE, WEB_MESSAGE
from ostiary.oauth.authorize.state import SignInTransaction
from ostiary.oauth.authorize.transactions import LIFETIME_S, BrowserHalf, SignInTransactions, cookie_name
from ostiary.pages.appearance import Look, look_of
from ostiary.store.engine import Store
from ostiary.store.work import Work
from ostiary.transport.call import Call


@dataclass(frozen=True, slots=True)
class SignInSite:
    """Addresses of the pages of one authorization server; `{}` in them stands for the tenant's id. `action` is where
    all forms go, `path` the part of the server that gets the cookies, `secure` whether it is reached by TLS alone.
    `mark` is the beginning of every `state` that is sent to another provider: one return address serves both of a
    tenant's servers, and knows by it whose browser comes back."""

    action: str
    path: str
    secure: bool
    mark: str = ""

    @classmethod
    def below(cls, url: str, forms: str, mark: str = "") -> SignInSite:
        """The pages below a URL, whose forms go to the path `forms` after it."""
        return cls(f"{url}{forms}", urlsplit(url).path, url.startswith("https:"), mark)


AT_PLATFORM = "platform."
"""The mark of sign-ins at the platform."""
AWAY = "away"
"""The note that says for which step, and with which state, the browser was sent to another server."""


@dataclass(slots=True)
class SignInVisit:
    """A request of a browser in a sign-in. `form` is what was sent, empty where a page is shown for the first time.
    `browser` is what the browser has of the transaction, None if nothing."""

    call: Call
    transaction: SignInTransaction
    store: Store
    transactions: SignInTransactions
    site: SignInSite
    form: Form = field(default_factory=lambda: Form({}))
    browser: BrowserHalf | None = None
    is_current: bool = False
    """Whether the browser has the transaction as it is now."""

    @property
    def action(self) -> str:
        """The address to which the forms of all steps are sent."""
        return self.site.action.format(self.call.tenant_id)

    @property
    def look(self) -> Look:
        """How the pages of this sign-in look, and in which language."""
        wanted, accepts = self.transaction.request.languages, self.call.metadata.get("accept-language", "")
        return look_of(self.call.work, self.call.required_tenant, wanted, accepts)

    @property
    def may_redirect(self) -> bool:
        """Says whether sending a form may lead the browser on to the application."""
        return self.transaction.request.address.response_mode not in (WEB_MESSAGE, PAGE)

    def way_back(self, flow: str) -> str:
        """The address that takes the person back to the application without a code, where the application has begun
        this flow and not a sign-in: App ID's SDKs read `flow` there. Empty elsewhere."""
        request = self.transaction.request
        if request.purpose != flow or not self.may_redirect:
            return ""
        state = {"state": request.address.state} if request.address.state else {}
        return with_query(request.address.redirect_uri, {"flow": flow, **state})

    def hidden(self, step: str) -> dict[str, str]:
        """The hidden fields of a step's form. Hands the transaction out to the browser, if it has none, or an earlier
        version: call it when nothing changes any more."""
        if self.browser is None or not self.is_current:
            self.clear()
            self.transaction, self.browser = self.transactions.hand_out(self.call.tenant_id, self.transaction)
            self._set_cookie(self.browser, LIFETIME_S)
            self.is_current = True
        return {"transaction": self.browser.handle, "csrf_token": self.browser.csrf_token, STEP: step}

    def remember(self, notes: Mapping[str, str], change: Callable[[Work], object] | None = None) -> None:
        """Lets the transaction remember `notes`, each for later steps and requests, together with what `change`
        writes. Of two requests that do so at once one raises SIGN_IN_OVER. Nothing is written while no factor is
        proved: the browser keeps the notes then, sealed, and there can be no `change`."""
        changed = replace(self.transaction, notes={**self.transaction.notes, **notes})
        if self.transaction.version:
            self.call.release()
            with self.store.write() as work:
                self.transactions.hold(work, self.call.tenant_id, self.transaction)
                if change is not None:
                    change(work)
                changed = self.transactions.keep(work, self.call.tenant_id, changed)
        elif change is not None:
            raise LookupError("nothing is written for a sign-in in which no factor is proved")
        self.moved_to(changed)

    def new_state(self, entropy: Entropy) -> str:
        """A state with which the browser comes back to this server."""
        return f"{self.site.mark}{new_secret(entropy)}"

    def send_away(self, step: str, state: str, uri: str, notes: Mapping[str, str]) -> SentAway:
        """Sends the browser to another server for a step, which finds `notes` when it comes back with `state`: once,
        in this browser, and for this step alone. Raises AuthorizationFailed where the request is too long for that."""
        self.remember({**notes, AWAY: f"{step} {digest(state)}"})
        self.clear()
        self.transaction, away = self.transactions.hand_out(self.call.tenant_id, self.transaction)
        keep_away(self.call, self.transaction.request.address, state, away, self._attributes)
        self.browser, self.is_current = None, False
        return SentAway(uri)

    def is_back(self, step: str, state: str) -> bool:
        """Whether the browser was sent away for this step and with this state. It is asked once: the browser keeps
        nothing by which it could come back again."""
        clear_away(self.call, state, self._attributes)
        return self.transaction.notes.get(AWAY) == f"{step} {digest(state)}"

    def moved_to(self, transaction: SignInTransaction) -> None:
        """The transaction as it is from now on."""
        self.transaction, self.is_current = transaction, False

    def clear(self) -> None:
        """Takes the cookie from the browser, if it has one."""
        if self.browser is not None:
            self._set_cookie(BrowserHalf(self.browser.handle, ""), 0)

    @property
    def session_secret(self) -> str:
        """The secret of the session that the browser shows; empty if none."""
        return session_secret(self.call, self.call.tenant_id, secure=self.site.secure)

    def give_session(self, secret: str) -> None:
        """Gives the browser the secret of its session."""
        set_session(self.call, self.call.work, self.call.required_tenant, secret, secure=self.site.secure)

    def _set_cookie(self, browser: BrowserHalf, max_age_s: int) -> None:
        cookie = f"{browser.cookie}={browser.secret}; Max-Age={max_age_s}; {self._attributes}"
        self.call.headers.append(("set-cookie", cookie))

    @property
    def _attributes(self) -> str:
        """The attributes that all cookies of a sign-in have."""
        secure = "; Secure" if self.site.secure else ""
        return f"Path={self.site.path.format(self.call.tenant_id)}; HttpOnly; SameSite=Lax{secure}"


SignInStep = Step[SignInTransaction, SignInVisit]
"""A step of a sign-in."""


def browser_half(call: Call, handle: str) -> BrowserHalf:
    """Browser's part of a sign-in: the handle of its form, and the secret in the cookie that belongs to it."""
    return BrowserHalf(handle, cookies_of(call).get(cookie_name(handle), ""))
