"""Messages to people: what is sent, by which channels, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.delivery.caps import MessageCaps
from ostiary.delivery.channels.back_channel import BACK_CHANNEL, BackChannel
from ostiary.delivery.channels.channel import Channel
from ostiary.delivery.channels.mail_channel import EMAIL, MailChannel
from ostiary.delivery.channels.operators import operators_provider
from ostiary.delivery.channels.sms_channel import SMS, SmsChannel
from ostiary.delivery.delivery import Delivery
from ostiary.delivery.outbox import Outbox
from ostiary.keys.tenant_signature import TenantSignature
from ostiary.mfa.extensions import MfaExtensions
from ostiary.mfa.outcomes import POSTMFA, MfaOutcomes
from ostiary.mfa.sms_account import sms_account
from ostiary.runtime.foundation import Foundation
from ostiary.self_service.factor_codes import FactorCodes
from ostiary.self_service.messages import UserMessages


@dataclass(frozen=True, slots=True)
class MessageParts:
    """The messages of a server; `delivery` sends what waits, `users` writes what people get."""

    mail: MailChannel
    text_messages: SmsChannel
    delivery: Delivery
    caps: MessageCaps
    users: UserMessages
    outbox: Outbox
    factor_codes: FactorCodes
    mfa_extensions: MfaExtensions


def build_messages(base: Foundation) -> MessageParts:
    """Builds the channels and the outbox. A new channel is named here."""
    store, clock, entropy, sealing = base.store, base.clock, base.entropy, base.sealing
    sign = TenantSignature(store, base.tenancy, base.keys)
    mail = MailChannel(
        store, clock, entropy, sealing, base.outgoing, operators_provider(base.settings), sign,
        base.issuers.tenant, base.settings,
    )  # fmt: skip
    text_messages = SmsChannel(
        store, entropy, base.outgoing, lambda work, tenant_id: sms_account(work, sealing, tenant_id),
        base.settings.vonage_url,
    )  # fmt: skip
    caps = MessageCaps(store, clock, sealing, base.limits.exact)
    logouts = BackChannel(base.outgoing, sign, base.issuers, clock)
    extensions = MfaExtensions(base.outgoing, sign, base.issuers, clock, entropy)
    outcomes = MfaOutcomes(store, sealing, extensions)
    channels: dict[str, Channel] = {EMAIL: mail, SMS: text_messages, BACK_CHANNEL: logouts, POSTMFA: outcomes}
    outbox = Outbox(sealing, entropy)
    users = UserMessages(clock, entropy, outbox, caps)
    return MessageParts(
        mail, text_messages, Delivery(store, base.tenancy, clock, sealing, channels), caps, users, outbox,
        FactorCodes(clock, entropy, outbox, caps, users), extensions,
    )  # fmt: skip
