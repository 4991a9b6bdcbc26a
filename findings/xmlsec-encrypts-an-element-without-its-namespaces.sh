#!/usr/bin/env bash
# libxmlsec1 encrypts an element without the namespaces that are declared around it: alone, the plaintext is no XML.
#
# xmlsec 1.3.17 (PyPI, with libxmlsec1), lxml 6.1.3. `EncryptionContext.encrypt_xml` with the type Element writes the
# element as it stands in its document. A prefix that an ancestor declares, as in every SAML response whose Response
# declares `saml:`, is declared nowhere in what is encrypted. libxmlsec1 puts the plaintext back into the document and never
# notices; who decrypts first and parses the bytes as a document of their own, as one should before verifying the signature
# inside, gets "Namespace prefix is not defined". (A signature by exclusive canonicalization does not mind the difference.)
#
# What to do: declare the namespaces on the element itself before encrypting (serialize it, parse that, encrypt the bytes by
# `encrypt_binary`); pysaml2 has `encrypt_assertion_self_contained` for it, which is on by default.
# Exits with 1 when the behaviour is another one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check xmlsec==1.3.17 lxml==6.1.3 cryptography==50.0.2
cat >"$work/encrypt.py" <<'PYTHON'
import base64
import sys

import xmlsec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

SECRET = b"0123456789abcdef0123456789abcdef"
root = etree.fromstring('<p:Response xmlns:p="urn:p" xmlns:a="urn:a"><a:Assertion><a:Name>ann</a:Name></a:Assertion></p:Response>')
constants = xmlsec.constants
template = xmlsec.template.encrypted_data_create(root, constants.TransformAes256Gcm, type=constants.TypeEncElement, ns="xenc")
xmlsec.template.encrypted_data_ensure_cipher_value(template)
context = xmlsec.EncryptionContext()
context.key = xmlsec.Key.from_binary_data(constants.KeyDataAes, SECRET)
context.encrypt_xml(template, root[0])
sealed = base64.b64decode(root.findtext(".//{http://www.w3.org/2001/04/xmlenc#}CipherValue"))
plain = AESGCM(SECRET).decrypt(sealed[:12], sealed[12:], None)
print(f"what was encrypted: {plain.decode()}")
try:
    etree.fromstring(plain)
    sys.exit("it is a document: the behaviour has changed")
except etree.XMLSyntaxError as error:
    print(f"read alone: {error}")
PYTHON
"$work/venv/bin/python" "$work/encrypt.py"
