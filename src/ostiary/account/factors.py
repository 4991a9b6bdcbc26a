"""Factors of the account: what proves the person beside the password, and the end of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ostiary.account.moments import Moment, moment
from ostiary.account.parts import Change
from ostiary.account.telling import AccountMessages
from ostiary.account.visits import AccountVisit
from ostiary.audit.factor_events import factor_removed
from ostiary.audit.sink import EventSink
from ostiary.directory.factors.factors import (
    EMAIL,
    PASSKEY,
    RECOVERY,
    SMS,
    TOTP,
    FactorView,
    list_factors,
    lock_factors,
    remove_factor,
)
from ostiary.directory.factors.requirement import MULTI_FACTOR
from ostiary.errors import not_found
from ostiary.ids import Entropy
from ostiary.login.needs import SECOND_FACTOR
from ostiary.oauth.authorize.proofs import dump_proofs, load_proofs
from ostiary.oauth.authorize.state import StepDone
from ostiary.oauth.sessions.browser import Terms, enter_session
from ostiary.oauth.sessions.places import Place
from ostiary.oauth.sessions.refresh import APPID
from ostiary.pages.texts import marked
from ostiary.store.work import Work

KINDS: Mapping[str, str] = {
    TOTP: marked("Authenticator app"), EMAIL: marked("Codes by mail"), SMS: marked("Codes by text message"),
    RECOVERY: marked("Recovery codes"), PASSKEY: marked("Passkey"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ShownFactor:
    """A factor as the page shows it; `used` is None where it never was."""

    id: str
    kind: str
    name: str
    since: Moment
    used: Moment | None


def factors_of(visit: AccountVisit) -> Sequence[ShownFactor]:
    """The factors of the person, the oldest first."""
    found = list_factors(visit.call.work, visit.tenant.id, visit.user.id)
    return [
        ShownFactor(
            one.id, visit.look.texts(KINDS.get(one.kind, one.kind)), one.name or one.target, moment(one.created_at),
            moment(one.last_used_at) if one.last_used_at else None,
        )
        for one in found
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class RemoveFactor(Change):
    """Removes a factor."""

    messages: AccountMessages
    events: EventSink
    name = "remove_factor"
    done = marked("The factor is removed.")

    def make(self, work: Work, visit: AccountVisit, prepared: object) -> None:
        """Removes the factor of the form, and tells the person by mail. Raises NO_SUCH_FACTOR, also for one of somebody
        else."""
        tenant_id, user_id = visit.tenant.id, visit.user.id
        lock_factors(work, tenant_id, user_id)
        found = next((one for one in list_factors(work, tenant_id, user_id) if one.id == visit.form.get("id")), None)
        if found is None:
            raise not_found("NO_SUCH_FACTOR", "There is no such factor, or not any more.")
        who, request_id = ("user", user_id), visit.call.request_id
        for gone in remove_factor(work, tenant_id, user_id, found.id):
            self.events.emit(work, factor_removed(tenant_id, who, gone.id, gone.kind, request_id))
        self.messages.tell(work, visit, f"{title(found)} was removed.")


def prove_factor(
    work: Work, visit: AccountVisit, step: str, method: str, entropy: Entropy, now_ms: int
) -> str:  # fmt: skip
    """Notes that the session has proved a second factor, as by the making of one; what the browser's cookie holds from
    now on."""
    old, proof = visit.session, StepDone(step, SECOND_FACTOR, method, now_ms)
    proofs = dump_proofs((*load_proofs(old.proofs, APPID), proof), APPID)
    amr = " ".join(dict.fromkeys([*old.amr.split(), method, MULTI_FACTOR]))
    terms = Terms(
        old.user_id, old.access_epoch, proofs, amr, now_ms, old.idle_s, max(1, (old.expires_at - now_ms) // 1000),
        Place(old.agent, old.address),
    )  # fmt: skip
    return enter_session(work, visit.tenant.id, terms, entropy, now_ms, cookie=visit.secret).secret


def title(factor: FactorView) -> str:
    """What a mail calls a factor."""
    kind = KINDS.get(factor.kind, factor.kind)
    return f'{kind} "{factor.name}"' if factor.name else kind
