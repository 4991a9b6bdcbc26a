"""Flow: steps that a browser goes through, and whose turn it is.

A step knows what it needs to act, what it shows and what it does with its form; it knows no other step. Whose turn it
is, is decided from the transaction alone, never from what the browser says: a form may only choose among steps that
would do as well, such as a password or a passkey.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from ostiary.errors import DomainError
from ostiary.oauth.authorize.state import Identified, StepDone
from ostiary.oauth.authorize.transactions import SignInOver
from ostiary.pages.rendering import HostedPage
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work

STEP = "step"
"""The field of a form that says which step it belongs to."""
GO = "go"
"""The field of a form that only asks for the page of another step, which it names."""


class Transaction(Protocol):
    """The state of a flow."""

    def has_done(self, step: str, meets: str) -> bool:
        """Whether a step is done, or what it would meet is met."""
        ...


T = TypeVar("T", bound=Transaction)
V = TypeVar("V")


def _nothing(_: Work) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a step that has done its part. `change` is what it writes, and whom it has found: it runs in the
    transaction in which the flow goes on, and everything is undone together if that fails. `method` is how a factor was
    proved, as `amr` writes it, and `at` when (UTC milliseconds; 0: at this moment). `met` is False where the step could
    not meet its need and leaves it to others, such as a look for a session where there is none. `earlier` are proofs of
    another sign-in that count in this one. A sign-in in which nothing is proved yet is not stored, and its steps write
    nothing.
    """

    method: str = ""
    change: Callable[[Work], Identified | None] = _nothing
    met: bool = True
    earlier: tuple[StepDone, ...] = ()
    at: int = 0


@dataclass(frozen=True, slots=True)
class SentAway:
    """The result of a step that needs another server: the browser goes to `uri`, and comes back to the step with the
    answer (`Step.returned`). The visit has handed the transaction out for that (`send_away`)."""

    uri: str


class Step(ABC, Generic[T, V]):
    """A step of a flow. T is the flow's transaction; V is a visit, which is one request of a browser in the flow."""

    name: ClassVar[str]
    """Its name in transactions and forms; one flow has it once."""
    meets: ClassVar[str] = ""
    """The need that it meets, if any. Steps that meet the same are alternatives: one of them is enough."""
    asks: ClassVar[bool] = True
    """Whether it shows a page. A step that does not is done, or refuses, without anybody being asked."""
    fields: ClassVar[tuple[str, ...]] = ()
    """The fields of its form."""

    @abstractmethod
    def applies(self, work: Work, tenant: TenantView, transaction: T) -> bool:
        """Whether it has something to do, as long as it is not done. It is asked at every request of the flow: settings
        are in memory, and what is stored of a person is read only where the transaction has found one."""

    @abstractmethod
    def show(self, visit: V, problem: DomainError | None = None) -> HostedPage | Done | SentAway:
        """Returns its page, with what was wrong with the last try; or that there is nothing to ask; or another server
        to ask. A step that does not ask does its slow work here, outside any transaction (`call.release`)."""

    def submit(self, visit: V) -> HostedPage | Done:
        """Takes its form, which the visit has; returns that it is done, or a page where it needs another form, as after
        a code was sent again. What it raises is shown on its page if the person can do something about it. Slow work is
        done here, outside any transaction (`call.release`)."""
        raise SignInOver

    def returned(self, visit: V, answer: Mapping[str, str]) -> Done:
        """Takes the answer of the server to which it has sent the browser. What it raises is shown on the page whose
        turn it is. Slow work is done here, outside any transaction (`call.release`)."""
        raise SignInOver


S = TypeVar("S", bound=Step[Any, Any])


class Steps(Generic[S]):
    """The steps of one kind of flow, in the order in which they are offered."""

    def __init__(self, steps: Sequence[S]) -> None:
        names = [step.name for step in steps]
        if len(set(names)) != len(names):
            raise ValueError(f"two steps have one name: {', '.join(sorted(names))}")
        self._steps = steps
        self.fields = tuple({STEP, GO, *(name for step in steps for name in step.fields)})
        self.met = frozenset(step.meets for step in steps if step.meets)
        """Needs that the steps can meet."""

    def current(
        self, work: Work, tenant: TenantView, transaction: Transaction, chosen: str = "",
        needs: Collection[str] | None = None,
    ) -> S | None:  # fmt: skip
        """The step whose turn it is: the first one that applies and is not done, or the `chosen` one where it is an
        alternative to that. None when no step is left. `needs` are those of the flow: a step that meets another has no
        part in it. None: all have a part."""

        def is_due(step: S) -> bool:
            if transaction.has_done(step.name, step.meets):
                return False
            has_part = needs is None or not step.meets or step.meets in needs
            return has_part and step.applies(work, tenant, transaction)

        first = next((step for step in self._steps if is_due(step)), None)
        if first is None or not first.meets or chosen in ("", first.name):
            return first
        others = (step for step in self._steps if step.name == chosen and step.meets == first.meets)
        return next((step for step in others if is_due(step)), first)
