"""Directory users: their passwords, how they sign in and sign up, and how they move between tenants."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.directory.passwords.passwords import Passwords
from ostiary.directory.signin.password_sign_in import PasswordSignIn
from ostiary.directory.transfer.cipher import TransferCiphers
from ostiary.directory.transfer.directory_import import DirectoryImport
from ostiary.directory.transfer.transfers import Transfers
from ostiary.runtime.foundation import Foundation
from ostiary.runtime.messages import MessageParts
from ostiary.self_service.mail_actions import SelfService
from ostiary.self_service.password_change import PasswordChange
from ostiary.self_service.registration import Registration


@dataclass(frozen=True, slots=True)
class DirectoryParts:
    """The directory of a server."""

    passwords: Passwords
    password_change: PasswordChange
    sign_in: PasswordSignIn
    registration: Registration
    self_service: SelfService
    transfers: Transfers
    transfer_ciphers: TransferCiphers
    directory_import: DirectoryImport


def build_directory(base: Foundation, messages: MessageParts) -> DirectoryParts:
    """Builds what acts on directory users."""
    store, clock, entropy, sealing = base.store, base.clock, base.entropy, base.sealing
    passwords = Passwords(base.settings)
    change = PasswordChange(store, clock, passwords)
    return DirectoryParts(
        passwords, change,
        sign_in=PasswordSignIn(store, clock, passwords, sealing, base.limits.exact),
        registration=Registration(store, clock, entropy, passwords, messages.users),
        self_service=SelfService(clock, messages.users, change, base.events),
        transfers=Transfers(store, clock, entropy, sealing),
        transfer_ciphers=TransferCiphers(passwords, sealing, entropy),
        directory_import=DirectoryImport(clock, entropy),
    )  # fmt: skip
