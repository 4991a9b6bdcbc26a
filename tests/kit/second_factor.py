"""What tests of second factors need: the tenant's settings, codes as they were sent, and an authenticator app."""

from __future__ import annotations

import base64
import hmac
import re
import struct
from html import unescape
from typing import Any

from google.protobuf import struct_pb2
from kit.accounts.openid import Issuer
from kit.browser import Seen
from kit.servers.installation import ENTROPY
from sqlalchemy import select, update

from ostiary.delivery.outbox import code_place
from ostiary.directory.factors.factors import FactorView, NewFactor, add_factor, list_factors
from ostiary.mfa.settings import MFA, MFA_CHANNELS
from ostiary.store.tables import Message, User, table_of
from ostiary_api.appid.management.v4 import mfa_pb2

OUTBOX, USERS = table_of(Message), table_of(User)
KEY = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""RFC 6238 appendix B: the key of its test vectors."""
_KEY = re.compile(r'<code dir="ltr">([A-Z2-7 ]+)</code>')
_RECOVERY = re.compile(r'<code dir="ltr">([a-z2-7]{4}(?:-[a-z2-7]{4})+)</code>')


def app_code(key: str, now_ms: int, steps: int = 0) -> str:
    """What an authenticator app shows (RFC 6238), so many time steps later."""
    counter = struct.pack(">Q", now_ms // 30_000 + steps)
    mac = hmac.digest(base64.b32decode(key), counter, "sha1")
    start = mac[-1] & 15
    return f"{(int.from_bytes(mac[start : start + 4]) & 0x7FFFFFFF) % 10**6:06}"


class Factors:
    """The second factors of an issuer's tenant and user."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.made = issuer.caller.installation
        self.runtime = self.made.runtime

    @property
    def now_ms(self) -> int:
        """The server's time."""
        return self.made.clock.now_ms()

    def require(self, *, on: bool = True, sms: bool = False) -> None:
        """Switches the tenant's second factor, and the channel of codes."""
        channels = mfa_pb2.MfaChannels(sms_is_active=sms)
        channels.sms.CopyFrom(mfa_pb2.MfaChannelConfig(key="k", secret="s", sender=struct_pb2.Value(string_value="me")))
        with self.runtime.store.write() as work:
            MFA.replace(work, self.issuer.tenant_id, mfa_pb2.MfaConfig(is_active=on), self.now_ms)
            MFA_CHANNELS.replace_sealed(
                work, self.runtime.sealing, ENTROPY, self.issuer.tenant_id, channels, self.now_ms
            )

    def asked(self, **parameters: str) -> Seen:
        """The page after a right password."""
        return self.issuer.submit(self.issuer.authorize(scope="openid", **parameters))

    def give(self, page: Seen, code: str = "", **fields: str) -> Seen:
        """Sends the form of a page with a code."""
        return self.issuer.web.submit(page, **({"code": code} if code else {}), **fields)

    def messages(self) -> list[Any]:
        """The codes in the outbox, the latest last."""
        with self.runtime.store.read() as work:
            rows = work.rows(select(OUTBOX).where(OUTBOX.c.sealed_code != "").order_by(OUTBOX.c.created_at))
        return list(rows)

    def sent(self, count: int = 1) -> str:
        """The code that was sent since the last look, in so many messages; they are delivered."""
        rows = self.messages()
        assert len(rows) == count
        codes = [self.runtime.sealing.open(row.sealed_code, code_place(row.tenant_id, row.id)).decode() for row in rows]
        with self.runtime.store.write() as work:
            work.run(update(OUTBOX).where(OUTBOX.c.sealed_code != "").values(sealed_code="", state="sent"))
        return codes[-1]

    def enrol(self, kind: str, *, secret: str = "", target: str = "") -> str:
        """A factor that the user has had for long."""
        new, user = NewFactor(kind, secret=secret, target=target), self.issuer.user
        with self.runtime.store.write() as work:
            return add_factor(work, self.runtime.sealing, user.tenant_id, user.id, new, ENTROPY, 1)

    def enrolled(self) -> list[FactorView]:
        """The user's factors."""
        with self.runtime.store.read() as work:
            return list(list_factors(work, self.issuer.tenant_id, self.issuer.user.id))

    def change_user(self, **values: Any) -> None:
        """Changes columns of the user's row."""
        with self.runtime.store.write() as work:
            work.run(update(USERS).where(USERS.c.id == self.issuer.user.id).values(values))

    def user(self) -> Any:
        """The user's row."""
        with self.runtime.store.read() as work:
            return work.row(select(USERS).where(USERS.c.id == self.issuer.user.id))

    def claims(self, done: Seen) -> dict[str, Any]:
        """The claims of the identity token that a finished sign-in leads to."""
        return self.issuer.verified(self.issuer.redeem(done.sent_back["code"])["id_token"])


def key_of(page: Seen) -> str:
    """The key that an enrolment page shows."""
    return _KEY.findall(page.body)[0].replace(" ", "")


def recovery_codes_of(page: Seen) -> list[str]:
    """The recovery codes that a page shows."""
    return [unescape(code) for code in _RECOVERY.findall(page.body)]
