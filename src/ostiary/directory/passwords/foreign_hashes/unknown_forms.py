"""Descriptions of hashes that are not accepted: they tell the importer which system made a hash and what to do."""

from __future__ import annotations

import re

_BASE64 = r"[A-Za-z0-9+/_-]{16,}={0,2}"
_FORMS = tuple(
    (re.compile(form, re.ASCII | re.DOTALL), name)
    for form, name in (
        (r"(argon2|bcrypt|pbkdf2_sha\d+|scrypt|crypt)\$.*", "one of Django's, but not complete"),
        (r"(md5|sha1)\$.*", "Django's MD5 or SHA-1, which is weak, and not complete"),
        (r"bcrypt_sha256\$.*", "Django's bcrypt over SHA-256, but not complete"),
        (r"(pbkdf2|scrypt|plain|md5|sha\d+):.*", "one of Werkzeug's, but not complete or weak"),
        (r"!.*", "Django's or Unix's mark for somebody who has no password: leave passwordHash empty"),
        (r"\$argon2.*", "argon2, but not in the form $argon2id$v=19$m=65536,t=3,p=4$salt$hash"),
        (r"\$2[abxy]?\$.*", "bcrypt, but not in the form $2b$12$ and 53 letters"),
        (r"\$bcrypt-sha256\$.*", "passlib's bcrypt over SHA-256, but not complete"),
        (r"\$scrypt\$.*", "scrypt, but not in the form $scrypt$ln=15,r=8,p=1$salt$hash"),
        (r"\$pbkdf2.*", "PBKDF2, but not in the form $pbkdf2-sha256$600000$salt$hash"),
        (r"\$(fire|fb)scrypt\$.*", "Firebase's scrypt, but not in the form $firescrypt$ln=14,r=8,p=1$salt$hash$salt_separator$signer_key"),  # noqa: E501
        (r"\$[PH]\$.*", "phpass (WordPress, phpBB), but not complete"),
        (r"U?\$S\$.*", "Drupal's SHA-512, but not complete"),
        (r"\$wp\$.*", "WordPress' bcrypt over SHA-384, but not complete"),
        (r"\$apr1\$.*|\{(APR1|BSDMD5)\}.*", "Apache's MD5, but not in the form $apr1$salt$hash"),
        (r"\$[56]\$.*", "SHA-crypt of crypt(3), but not complete"),
        (r"\$(g?y|7)\$.*", "yescrypt or scrypt of crypt(3), but not complete or with rare parameters"),
        (r"\$(1|3|md5|sha1)\$.*|\$md5,.*|_[./0-9A-Za-z]{19}", "a weak hash of crypt(3)"),
        (r"\$(sha256|sha512|hmac-\w+)\$.*", "a digest as Ory Kratos formats one"),
        (r"\$8\$.*|\$9\$.*", "Cisco IOS' PBKDF2 or scrypt"),
        (r"\$scram\$.*|\{?SCRAM-.*", "SCRAM keys, but not of SHA-1 or SHA-256, or not complete"),
        (r"\$p5k2\$.*", "PBKDF2 of passlib's relatives, but not complete"),
        (r"\$[0-9a-f]{5,6}\$.*", "Spring Security's scrypt, but not complete"),
        (r":(pbkdf2-legacy\w|\w+-legacy\w):.*", "MediaWiki's layers, but not PBKDF2 over MD5"),
        (r":[AB]:.*", "MediaWiki's MD5, which is weak, and not complete"),
        (r":[a-z0-9-]+:.*", "one of MediaWiki's, but not complete"),
        (r"\{(clear|cleartext|plain|plaintext|noop)\}.*", "a password in plain text"),
        (r"\{(sasl|k5key|kerberos)\}.*", "LDAP's reference to another system, which keeps the password"),
        (r"\{(cram-md5|hmac-md5|digest-md5|otp|plain-md4)\}.*", "one of Dovecot's that serve another protocol"),
        (r"\{(ns-mta-md5|fshp\d?)[^}]*\}.*", "a form of LDAP servers that is not known here"),
        (r"\{(sha-1|sha-256|sha256|md5|md4|ldap)\}.*", "one of Spring Security's or LDAP's digests, which are weak"),
        (r"(?P<label>\{[\w.@+-]{1,40}\}).*", "a hash with the label {label} of an LDAP server or of Spring Security"),
        (r"\s*\{.*\"algorithm\\*\"\s*:\s*\\*\"(?P<label>[\w .+-]{1,40})\\*\".*",
         "a credential of Keycloak with the algorithm {label}, but of none that is known here, or not complete"),
        (r"\s*\{.*", "JSON, but not a credential of a Keycloak export"),
        (r"\*[0-9A-Fa-f]{40}", "MySQL's SHA-1 twice, which is weak"),
        (r"md5[0-9a-f]{32}", "PostgreSQL's MD5, which is weak"),
        (r"0x0[12]00[0-9A-Fa-f]+|S:[0-9A-Fa-f]{60}.*", "a hash of SQL Server or Oracle"),
        (r"A[Q-T]?AAA[A-Za-z0-9+/=]*", "one of ASP.NET Identity's, but not complete"),
        (r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{96}|[0-9A-Fa-f]{128}",
         "a bare digest in hexadecimal; with a label, such as {SHA256}, an operator can allow it"),
        (r"[0-9a-f]{32,}:[0-9a-f]{32,}", "hexadecimal salt and key, but not of better-auth's lengths"),
        (r"400\$.*|[0-9a-f]+\$[0-9a-f]+\$[0-9a-f]+\$.*", "scrypt of Ruby's authlogic"),
        (_BASE64, "base64 that names no algorithm, as in the samples of IBM Cloud App ID"),
    )
)  # fmt: skip


def described(text: str) -> str:
    """Describes a text that is not accepted; empty when its form is not known."""
    shown = text[:2_000].strip()
    for form, name in _FORMS:
        found = re.fullmatch(form.pattern, shown, form.flags | re.IGNORECASE if shown.startswith("{") else form.flags)
        if found:
            return name.replace("{label}", found.groupdict().get("label", ""))
    return ""
