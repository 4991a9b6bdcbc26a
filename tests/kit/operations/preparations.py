"""What must be there before an operation can succeed: a user, a role, a link that was followed.

The documented requests (`tests/contract/data/appid_operations.json`) name them in braces: `{user}`.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import secrets
from collections.abc import Callable
from functools import cached_property
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from kit.patience import awaited
from kit.servers.served import NO_AUTHORITIES
from kit.servers.smtp import Mailboxes
from PIL import Image

Json = Any
NOBODY = "00000000-0000-4000-8000-000000000000"
PASSWORD = "correct horse 1"
SECRET = "a secret of ours"
"""What exports are encrypted with."""
_KEY = rsa.generate_private_key(65537, 2048)


class Preparations:
    """Makes in one tenant what a request asks for: each thing once, except for `unique`, which is new each time.

    `ask` calls the tenant's management API with a verb, a path and a document or files, `smtp` is where mails of the
    server arrive, `site` the URL of a server for outgoing calls.
    """

    def __init__(self, ask: Callable[..., Json], smtp: Mailboxes, site: str) -> None:
        self._ask = ask
        self._smtp = smtp
        self.site = site
        self.unknown = NOBODY

    def filled(self, template: Json) -> Json:
        """A request with everything in it that its braces name."""
        if isinstance(template, dict):
            return {name: self.filled(part) for name, part in template.items()}
        if isinstance(template, list):
            return [self.filled(part) for part in template]
        if not isinstance(template, str):
            return template
        whole = re.fullmatch(r"\{([a-z_]+)\}", template)
        if whole:
            return getattr(self, whole[1])
        return re.sub(r"\{([a-z_]+)\}", lambda found: str(getattr(self, found[1])), template)

    @property
    def unique(self) -> str:
        """A name that nobody has."""
        return f"u{secrets.token_hex(6)}"

    @property
    def phone(self) -> str:
        """A number that nobody has called."""
        return f"+43155{secrets.randbelow(10**7):07}"

    @property
    def user(self) -> str:
        """The directory id of a confirmed user without a profile."""
        return str(self._user["id"])

    @property
    def user_address(self) -> str:
        """The mail address of `user`."""
        return str(self._user["emails"][0]["value"])

    @property
    def address(self) -> str:
        """The mail address of a confirmed user."""
        return self.user_address

    @property
    def pending(self) -> str:
        """The directory id of a user whose address is not confirmed."""
        return str(self._pending["id"])

    @property
    def pending_address(self) -> str:
        """The mail address of `pending`."""
        return str(self._pending["emails"][0]["value"])

    @property
    def profile(self) -> str:
        """The profile id of a user."""
        return str(self._profiled["profileId"])

    @property
    def profiled(self) -> str:
        """The directory id of the user who has `profile`."""
        return str(self._profiled["id"])

    @cached_property
    def application(self) -> str:
        """The client id of an application with the scope `read`."""
        client_id = str(self._ask("POST", "applications", {"name": self.unique})["clientId"])
        self._ask("PUT", f"applications/{client_id}/scopes", {"scopes": ["read"]})
        return client_id

    @property
    def role(self) -> str:
        """The id of a role."""
        return str(self._role["id"])

    @property
    def role_name(self) -> str:
        """The name of `role`."""
        return str(self._role["name"])

    @cached_property
    def nominated(self) -> str:
        """The id at Google of somebody whose profile was made before the first sign-in."""
        identity = self.unique
        self._ask("POST", "users", {"idp": "google", "idp-identity": identity})
        return identity

    @cached_property
    def verified(self) -> str:
        """The context with which the tenant's page learns that a link in a mail was followed."""
        self._mails_lead_to("on_user_verified")
        address = self._ask("POST", "cloud_directory/sign_up", self._person())["emails"][0]["value"]
        return self._followed(address)

    @cached_property
    def reset(self) -> str:
        """The same for a link by which a password may be reset."""
        self._mails_lead_to("on_reset_password")
        self._ask("POST", "cloud_directory/forgot_password", {"user": self.address})
        return self._followed(self.address)

    @cached_property
    def begun(self) -> str:
        """The id of an export."""
        return str(self._ask("POST", "cloud_directory/export/all", {"encryptionSecret": SECRET})["id"])

    @cached_property
    def exported(self) -> str:
        """The same once it has ended."""
        path = f"cloud_directory/export/status?id={self.begun}"
        awaited(lambda: self._ask("GET", path)["status"] == "COMPLETED", every=0.1)
        return self.begun

    @property
    def export_file(self) -> bytes:
        """A file of users to import."""
        scim = {"originalId": self.unique, "emails": [{"value": f"{self.unique}@example.com"}]}
        user = {"scimUser": scim, "passwordHash": "", "passwordHashAlg": "", "profile": {"attributes": {}}, "roles": []}
        return json.dumps({"users": [user]}).encode()

    @cached_property
    def imported(self) -> str:
        """The id of an import."""
        form = {"file": ("users.json", self.export_file), "encryptionSecret": (None, SECRET)}
        return str(self._ask("POST", "cloud_directory/import/all", files=form)["id"])

    @cached_property
    def public_key(self) -> str:
        """An RSA key in PEM."""
        return _KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @cached_property
    def certificate(self) -> str:
        """A certificate in PEM."""
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp.example.com")])
        now = dt.datetime.now(dt.UTC)
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(_KEY.public_key())
        made = made.serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=365))
        return made.sign(_KEY, SHA256()).public_bytes(Encoding.PEM).decode()

    @cached_property
    def png(self) -> bytes:
        """A picture."""
        return _png(Image.new("RGB", (8, 8)))

    @cached_property
    def large_png(self) -> bytes:
        """A picture of more than 100 kB."""
        return _png(Image.frombytes("RGB", (256, 256), secrets.token_bytes(256 * 256 * 3)))

    @cached_property
    def _user(self) -> Json:
        return self._ask("POST", "cloud_directory/Users", {**self._person(), "status": "CONFIRMED"})

    @cached_property
    def _pending(self) -> Json:
        return self._ask("POST", "cloud_directory/Users", self._person())

    @cached_property
    def _profiled(self) -> Json:
        person = {**self._person(), "status": "CONFIRMED"}
        return self._ask("POST", "cloud_directory/sign_up?shouldCreateProfile=true", person)

    @cached_property
    def _role(self) -> Json:
        access = [{"application_id": self.application, "scopes": ["read"]}]
        return self._ask("POST", "roles", {"name": self.unique, "access": access})

    def _person(self) -> Json:
        return {"emails": [{"value": f"{self.unique}@example.com", "primary": True}], "password": PASSWORD}

    def _mails_lead_to(self, action: str) -> None:
        self._ask("PUT", "config/cloud_directory/email_dispatcher", {"provider": "appid"})
        self._ask("PUT", f"config/cloud_directory/action_url/{action}", {"actionUrl": "https://app.example.com/next"})

    def _followed(self, address: str) -> str:
        """Follows the link that was mailed to an address, once it is there; the context that the page gets."""
        links = awaited(lambda: self._links(address))
        form = {"content-type": "application/x-www-form-urlencoded"}
        answer = httpx.post(links[0], headers=form, verify=NO_AUTHORITIES)
        assert answer.status_code == 303, answer.text
        return str(httpx.URL(answer.headers["location"]).params["context"])

    def _links(self, address: str) -> list[str]:
        mails = [mail for mail in list(self._smtp.delivered) if address in mail.recipients]
        return [link for mail in mails for link in re.findall(r"https?://\S+/wfm/\S+", mail.part("plain"))]


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
