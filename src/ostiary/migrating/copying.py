"""Copy of a tenant: what all its parts share. Each part reads at the source, compares with the target, and writes what
differs, so that a copy that is repeated does nothing, and one that was interrupted continues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ostiary.migrating.management import ApiError, Json, ManagementApi
from ostiary.migrating.report import CHANGED, CREATED, UNCHANGED, Report

_MASKS = "*•xX"


@dataclass
class Copying:
    """A copy under way. `target` is None where a dry run is about a tenant that is not there yet.

    `make_application` adds an application like the given one to the target and answers it as the target shows it.
    `progress` hears of each part: its name, how much of it is done, and of how much.
    """

    source: ManagementApi
    target: ManagementApi | None
    report: Report
    dry_run: bool
    make_application: Callable[[Json], Json]
    progress: Callable[[str, int, int], None]
    reset_passwords: bool = False
    application_ids: dict[str, str] = field(default_factory=dict)
    role_ids: dict[str, str] = field(default_factory=dict)

    def present(self, path: str) -> Json | None:
        """The target's document."""
        return self.target.get(path) if self.target is not None else None

    def write(
        self, part: str, item: str, write: Callable[[ManagementApi], Any],
        outcome: str | Callable[[ManagementApi], str] = CHANGED,
    ) -> Any:  # fmt: skip
        """Writes to the target, unless this is a dry run; what it refuses is reported and stops nothing else.

        `outcome` is what is counted, or finds it out once it was written.
        """
        if self.dry_run or self.target is None:
            self.report.count(part, outcome if isinstance(outcome, str) else CHANGED)
            return None
        try:
            answer = write(self.target)
        except ApiError as error:
            if not error.status:
                raise
            self.report.failed(part, item, f"the target refuses it: {error} ({error.code})")
            return None
        self.report.count(part, outcome if isinstance(outcome, str) else outcome(self.target))
        return answer

    def put(self, part: str, item: str, path: str, wanted: Json) -> None:
        """Replaces the target's document at `path` where it says something else than `wanted`.

        Servers differ in members that the others do not know, so whether that changed anything is asked afterwards.
        """
        present = self.present(path)
        if present is not None and says(present, wanted):
            self.report.count(part, UNCHANGED)
            return

        def changed(target: ManagementApi) -> str:
            return UNCHANGED if target.get(path) == present else CHANGED

        self.write(part, item, lambda target: target.send("PUT", path, wanted), changed if present else CREATED)


def says(present: Any, wanted: Any) -> bool:
    """Whether a document says all that `wanted` says; it may say more, such as what a server computes."""
    if isinstance(wanted, dict):
        return isinstance(present, dict) and all(says(present.get(name), value) for name, value in wanted.items())
    return bool(present == wanted)


def without_nulls(value: Any) -> Any:
    """A document without the members that are null: servers write them where they mean nothing."""
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


def is_masked(secret: Any) -> bool:
    """Whether a secret is missing, or hidden behind asterisks and the like."""
    return not isinstance(secret, str) or not secret.strip(_MASKS)
