"""State of a sign-in: the request, the steps that are done, and the person whom they have found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ostiary.directory.factors.requirement import MULTI_FACTOR
from ostiary.oauth.authorize.request import AuthorizationRequest

SECOND_FACTOR = "second_factor"
"""Need of a second factor."""


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step that is done. `meets` is the need that it has met and `method` how, as `amr` writes it; both are empty for
    a step that proves nothing. `at` is UTC milliseconds."""

    step: str
    meets: str
    method: str
    at: int


@dataclass(frozen=True, slots=True)
class Identified:
    """The person whom a first factor has found: a profile, the provider that knows the person, and the directory user
    if there is one. The epochs are those of the moment: a code that is issued later ends when they have grown.
    `session_id` is the session that has proved it, where nobody was asked."""

    subject: str
    provider: str
    user_id: str = ""
    user_epoch: int = 0
    access_epoch: int = 0
    session_id: str = ""

    def is_person(self, other: Identified) -> bool:
        """Whether both are one person, found in one way."""
        one, two = ((who.subject, who.provider, who.user_id, who.session_id) for who in (self, other))
        return one == two


@dataclass(frozen=True, slots=True)
class SignInTransaction:
    """The state of a sign-in. `id` is empty until a browser has it, `version` 0 while nothing is stored. `expires_at`
    is UTC milliseconds. `notes` is what steps remember, such as the state that was sent to another identity provider,
    or the digest of a code and how often it was guessed wrong."""

    request: AuthorizationRequest
    expires_at: int
    id: str = ""
    version: int = 0
    done: tuple[StepDone, ...] = ()
    identified: Identified | None = None
    notes: Mapping[str, str] = field(default_factory=dict)

    def has_done(self, step: str, meets: str) -> bool:
        """Whether a step is done, or what it would meet is met."""
        return any(step == done.step or (meets and meets == done.meets) for done in self.done)

    def has_met(self, need: str) -> bool:
        """Whether a step has met the need."""
        return any(need == done.meets for done in self.done)

    @property
    def amr(self) -> str:
        """The methods of the factors, in their order and each once, separated by blanks (RFC 8176); `mfa` among them
        where a second factor was proved."""
        methods = [done.method for done in self.proofs]
        several = [MULTI_FACTOR] if any(done.meets == SECOND_FACTOR for done in self.proofs) else []
        return " ".join(dict.fromkeys([*methods, *several]))

    @property
    def auth_time(self) -> int:
        """The time of the last proof (UTC milliseconds)."""
        return max((done.at for done in self.proofs), default=0)

    @property
    def proofs(self) -> tuple[StepDone, ...]:
        """The steps that have proved something."""
        return tuple(done for done in self.done if done.method)

    def with_done(
        self, done: StepDone, identified: Identified | None, earlier: tuple[StepDone, ...] = ()
    ) -> SignInTransaction:
        """The transaction after a step, which may bring `earlier` proofs. Who was found by the first factor stays who
        it is; a later step may only say the person's epochs anew."""
        known = self.identified
        if identified is not None and known is not None and not identified.is_person(known):
            raise LookupError(f"{done.step} identifies somebody, and {self.done[0].step} has done so already")
        return replace(self, done=(*self.done, *earlier, done), identified=identified or known)

    def dump(self) -> dict[str, Any]:
        """JSON form of it, to be kept."""
        return {
            "request": self.request.dump(), "done": [asdict(done) for done in self.done],
            "identified": asdict(self.identified) if self.identified else None, "notes": dict(self.notes),
        }  # fmt: skip

    @classmethod
    def load(cls, facts: dict[str, Any], expires_at: int, id: str, version: int) -> SignInTransaction:
        """Reads what `dump` wrote."""
        found = facts["identified"]
        return cls(
            AuthorizationRequest.load(facts["request"]), expires_at, id, version,
            tuple(StepDone(**done) for done in facts["done"]), Identified(**found) if found else None, facts["notes"],
        )  # fmt: skip
