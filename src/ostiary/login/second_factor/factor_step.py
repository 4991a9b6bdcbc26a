"""Step of a second factor: what all that ask for one have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from ostiary.directory.factors.typed import typed_code
from ostiary.login.needs import SECOND_FACTOR
from ostiary.login.visits import SignInStep, SignInVisit

CODE = "code"
"""The field for a code."""


class FactorStep(SignInStep):
    """Asks for a second factor, and offers the others that would do."""

    meets = SECOND_FACTOR
    offer: ClassVar[str]
    """What the pages of the others call it; of the catalogues."""
    alternatives: Sequence[FactorStep] = ()
    """All steps of the second factor, in their order."""

    def ways(self, visit: SignInVisit) -> Mapping[str, str]:
        """Others to which the page leads, and what it calls them."""
        call, transaction = visit.call, visit.transaction
        others = [step for step in self.alternatives if step.name != self.name]
        return {
            step.name: visit.look.texts(step.offer)
            for step in others
            if step.applies(call.work, call.required_tenant, transaction)
        }


def given_code(visit: SignInVisit) -> str:
    """The code of the form, without what people type between its characters. Raises MISSING_FIELD."""
    return typed_code(visit.form.required(CODE))
