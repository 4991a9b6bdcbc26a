#!/usr/bin/env bash
# signxml refuses a good signature because the certificate that the caller has pinned is over.
#
# signxml 5.2.0, cryptography 50.0.2. `XMLVerifier().verify(data, x509_cert=certificate)` names the very certificate whose
# key must have signed: no chain is built, and libxmlsec1, xml-crypto and signxml before 5.1 take it as a key. Since 5.1 its
# dates are compared with the present: InvalidCertificate. A SAML service provider that is moved to it stops working on the
# day on which the certificate of an identity provider ends, although nothing there has changed, and SAML metadata
# interoperability says that dates of certificates in metadata are not to be looked at.
#
# What to do: where a certificate is only a container for a key, pass a `verification_time` within its dates
# (`SignatureConfiguration(verification_time=certificate.not_valid_before_utc)`), and warn of its end elsewhere.
# Exits with 1 when the behaviour is another one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check signxml==5.2.0 cryptography==50.0.2
cat >"$work/verify.py" <<'PYTHON'
import datetime as dt
import sys

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree
from signxml import XMLSigner, XMLVerifier
from signxml.exceptions import InvalidCertificate
from signxml.verifier import SignatureConfiguration

key = rsa.generate_private_key(65_537, 2_048)
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "idp.example")])
ended = dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=1)
builder = x509.CertificateBuilder(
    issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=1,
    not_valid_before=ended - dt.timedelta(days=365), not_valid_after=ended,
)
certificate = builder.sign(key, SHA256())
signed = etree.tostring(XMLSigner().sign(etree.fromstring("<a>b</a>"), key=key, cert=[certificate]))
try:
    XMLVerifier().verify(signed, x509_cert=certificate)
    sys.exit("the pinned certificate is taken: the behaviour has changed")
except InvalidCertificate as error:
    print(f"pinned: {error}")
config = SignatureConfiguration(verification_time=certificate.not_valid_before_utc)
found = XMLVerifier().verify(signed, x509_cert=certificate, expect_config=config)
print(f"with a time within its dates: {found.signed_data.decode()}")
PYTHON
"$work/venv/bin/python" "$work/verify.py"
