"""The certificate's files as an operator names them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ostiary.config import ConfigurationError
from ostiary.serving.certificates import Certificate


def pair() -> bytes:
    """A certificate and its private key, both in PEM."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "id.example.com")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.sign(key, SHA256()).public_bytes(Encoding.PEM) + private


def test_certificate_and_key_may_stand_in_one_file(tmp_path: Path) -> None:
    (tmp_path / "both.pem").write_bytes(pair())
    assert Certificate(tmp_path / "both.pem", tmp_path / "both.pem", tmp_path).secret.exists()


@pytest.mark.parametrize("content", [b"", b"\x84\xff\x00" * 100, b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_certificate_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.pem").write_bytes(content)
    with pytest.raises(ConfigurationError, match="tls_cert and tls_key") as refused:
        Certificate(tmp_path / "odd.pem", tmp_path / "odd.pem", tmp_path)
    assert "\n" not in str(refused.value)


def test_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is a folder"):
        Certificate(tmp_path, tmp_path, tmp_path)
