"""The account from which a tenant sends text messages: that of its SMS channel."""

from __future__ import annotations

from ostiary.delivery.channels.sms import SmsAccount
from ostiary.keys.sealing import Sealing
from ostiary.mfa.settings import MFA_CHANNELS
from ostiary.store.work import Work


def sms_account(work: Work, sealing: Sealing, tenant_id: str) -> SmsAccount | None:
    """The account, or None where the channel was never configured."""
    return MFA_CHANNELS.opened(work, sealing, tenant_id).sms
