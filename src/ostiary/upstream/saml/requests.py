"""Authentication requests to an identity provider (SAML Core §3.4.1), sent by HTTP-Redirect (SAML Bindings §3.4)."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

from ostiary.clock import rfc3339
from ostiary.upstream.saml.metadata import acs_url, entity_id
from ostiary.upstream.saml.settings import SamlProvider
from ostiary.upstream.saml.vocabulary import ASSERTION, EMAIL_ADDRESS, HTTP_POST, PROTOCOL, in_assertion, in_protocol

RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"


@dataclass(frozen=True, slots=True)
class Requester:
    """The tenant as it asks: the public URL of this server, and the tenant's id."""

    public_url: str
    tenant_id: str

    @property
    def entity_id(self) -> str:
        """The name of the tenant towards identity providers."""
        return entity_id(self.tenant_id)

    @property
    def acs_url(self) -> str:
        """The address to which responses are posted."""
        return acs_url(self.public_url, self.tenant_id)


def request_url(
    provider: SamlProvider, requester: Requester, request_id: str, relay_state: str, now_ms: int,
    sign: Callable[[bytes], bytes] | None,
) -> str:  # fmt: skip
    """The address to which the browser is sent: the request deflated in the query. `sign` (RSA-SHA256) signs the query,
    not the XML inside; None where the settings ask for no signature. `relay_state` has at most 80 bytes."""
    document = authentication_request(provider, requester, request_id, now_ms)
    deflated = zlib.compressobj(wbits=-15)
    packed = base64.b64encode(deflated.compress(document) + deflated.flush()).decode()
    query = urlencode({"SAMLRequest": packed, "RelayState": relay_state}, quote_via=quote, safe="")
    if sign is not None:
        query += f"&SigAlg={quote(RSA_SHA256, safe='')}"
        query += f"&Signature={quote(base64.b64encode(sign(query.encode())).decode(), safe='')}"
    return f"{provider.sign_in_url}{'&' if '?' in provider.sign_in_url else '?'}{query}"


def authentication_request(provider: SamlProvider, requester: Requester, request_id: str, now_ms: int) -> bytes:
    """The AuthnRequest as App ID sends it: asks for a mail address as the name, and to authenticate the person anew."""
    ET.register_namespace("samlp", PROTOCOL)
    ET.register_namespace("saml", ASSERTION)
    request = ET.Element(
        in_protocol("AuthnRequest"), ID=request_id, Version="2.0", IssueInstant=rfc3339(now_ms), ForceAuthn="true",
        Destination=provider.sign_in_url, ProtocolBinding=HTTP_POST, AssertionConsumerServiceURL=requester.acs_url,
    )  # fmt: skip
    ET.SubElement(request, in_assertion("Issuer")).text = requester.entity_id
    ET.SubElement(request, in_protocol("NameIDPolicy"), Format=EMAIL_ADDRESS, AllowCreate="true")
    context = ET.SubElement(request, in_protocol("RequestedAuthnContext"), Comparison=provider.authn_comparison)
    for name in provider.authn_classes:
        ET.SubElement(context, in_assertion("AuthnContextClassRef")).text = name
    if provider.include_scoping:
        scoping = ET.SubElement(request, in_protocol("Scoping"))
        ET.SubElement(scoping, in_protocol("RequesterID")).text = requester.entity_id
    document: bytes = ET.tostring(request, encoding="utf-8")
    return document
