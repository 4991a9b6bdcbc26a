"""Runtime: the parts of a running server, a group for each feature; created once per process."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ostiary.clock import Clock, SystemClock
from ostiary.config import Settings
from ostiary.ids import Entropy, SystemEntropy
from ostiary.runtime.directory import DirectoryParts, build_directory
from ostiary.runtime.foundation import Foundation, open_foundation
from ostiary.runtime.messages import MessageParts, build_messages
from ostiary.runtime.oauth import OAuthParts, build_oauth


@dataclass(frozen=True, slots=True)
class Runtime(Foundation):
    """Parts that servicers are given: the foundation, and the parts of each feature."""

    messages: MessageParts
    directory: DirectoryParts
    oauth: OAuthParts

    def close(self) -> None:
        """Writes what still waits to be recorded, ends the threads of every part, and closes the store. Requests are
        over by then; what is used again begins anew."""
        self.lanes.shutdown()
        self.directory.passwords.close()
        self.group_commit.close()
        self.store.close()


def open_runtime(settings: Settings, clock: Clock | None = None, entropy: Entropy | None = None) -> Runtime:
    """Opens the store and builds every part of a server; raises before anything is served when one is missing.

    Each group is built of those before it.
    """
    base = open_foundation(settings, clock or SystemClock(), entropy or SystemEntropy())
    messages = build_messages(base)
    directory = build_directory(base, messages)
    shared = {field.name: getattr(base, field.name) for field in fields(Foundation)}
    return Runtime(**shared, messages=messages, directory=directory, oauth=build_oauth(base, directory, messages))
