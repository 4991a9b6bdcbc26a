"""Message sinks for a machine without a mail server: a folder, or the console. For development only."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ostiary.delivery.channels.channel import TAKEN, Receipt
from ostiary.delivery.channels.mail import Mail, mime_message

CONSOLE = Path("-")


class MailSink:
    """Writes mails into a folder, a file each (mode 0600), named by id; or to standard output."""

    def __init__(self, folder: Path, host: str) -> None:
        self._folder = folder
        self._host = host

    def send(self, mail: Mail) -> Receipt:
        """Always takes it."""
        write_message(self._folder, f"{mail.id}.eml", mime_message(mail, self._host).as_bytes())
        return Receipt(TAKEN)


def write_message(folder: Path, name: str, data: bytes) -> None:
    """Writes one message whole, or to standard output where `folder` is CONSOLE."""
    if folder == CONSOLE:
        sys.stdout.write(f"--- {name}\n{data.decode(errors='replace')}\n")
        sys.stdout.flush()
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = folder / f".{name}"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    unfinished.replace(folder / name)
