"""Ceremonies of passkeys (WebAuthn Level 3 §7): what a browser is asked, and whether its answer is right. The one
module that knows the library."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, decode_credential_public_key
from webauthn.helpers.cose import COSEAlgorithmIdentifier as Algorithm
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from ostiary.directory.factors.relying_party import RelyingParty
from ostiary.errors import DomainError, unauthenticated

ALGORITHMS = [Algorithm.ECDSA_SHA_256, Algorithm.EDDSA, Algorithm.RSASSA_PKCS1_v1_5_SHA_256]
"""The algorithms of keys, the same in both directions, whatever the library's own lists are."""
MAX_ANSWER = 32_768
"""Characters of a browser's answer; keys of newer algorithms take some thousand."""
_UNREADABLE = (WebAuthnException, ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""What the library raises for answers that are none: most of it, but not all, is of one family."""


@dataclass(frozen=True, slots=True)
class Created:
    """A credential that was made: its id and public key as base64url, and what is known of it."""

    credential_id: str
    public_key: str
    algorithm: int
    counter: int
    discoverable: bool
    synced: bool
    transports: str


@dataclass(frozen=True, slots=True)
class Asserted:
    """A proof by a credential: its `counter` from now on, and whether the person was verified, as by a PIN."""

    counter: int
    user_verified: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """What an answer says before anything is proved: the credential, and the user for whom it was made."""

    credential_id: str
    user_handle: str


def creation_options(
    party: RelyingParty, challenge: bytes, *, user_id: str, user_name: str, display_name: str, shown_as: str,
    known: Iterable[tuple[str, str]],
) -> str:  # fmt: skip
    """What the browser gets to make a passkey, as JSON. `shown_as` is the name of the server; `known` are the ids and
    transports of those that the person has: one authenticator has one."""
    options = generate_registration_options(
        rp_id=party.id, rp_name=shown_as, user_name=user_name, user_id=user_id.encode(), challenge=challenge,
        user_display_name=display_name, supported_pub_key_algs=ALGORITHMS, exclude_credentials=_described(known),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
    )  # fmt: skip
    return json.dumps({**json.loads(options_to_json(options)), "extensions": {"credProps": True}})


def request_options(party: RelyingParty, challenge: bytes, known: Iterable[tuple[str, str]] = ()) -> str:
    """What the browser gets to prove a passkey, as JSON: any that it has where none is `known`, and then the person is
    verified."""
    described = _described(known)
    verified = UserVerificationRequirement.PREFERRED if described else UserVerificationRequirement.REQUIRED
    return options_to_json(
        generate_authentication_options(
            rp_id=party.id, challenge=challenge, allow_credentials=described, user_verification=verified
        )
    )


def read_creation(party: RelyingParty, challenge: bytes, answer: str) -> Created:
    """The credential in a browser's answer. Raises PASSKEY_REFUSED."""
    try:
        document = _document(answer)
        verified = verify_registration_response(
            credential=document, expected_challenge=challenge, expected_rp_id=party.id, expected_origin=party.origin,
            require_user_verification=True, supported_pub_key_algs=ALGORITHMS,
        )  # fmt: skip
        key = decode_credential_public_key(verified.credential_public_key)
    except _UNREADABLE as error:
        raise refused() from error
    return Created(
        bytes_to_base64url(verified.credential_id), bytes_to_base64url(verified.credential_public_key), int(key.alg),
        verified.sign_count, _is_discoverable(document),
        verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE, _transports(document),
    )  # fmt: skip


def read_claim(answer: str) -> Claim:
    """What an answer claims. Raises PASSKEY_REFUSED."""
    try:
        document = _document(answer)
        handle = document["response"].get("userHandle") or ""
        return Claim(str(document["id"]), base64url_to_bytes(handle).decode())
    except (*_UNREADABLE, AttributeError) as error:
        raise refused() from error


def read_assertion(
    party: RelyingParty, challenge: bytes, answer: str, *, public_key: str, counter: int, must_verify_user: bool
) -> Asserted:
    """The proof in a browser's answer, by the credential with this key. Raises PASSKEY_REFUSED, also where the counter
    did not grow: then somebody may have a copy (§6.1.1)."""
    try:
        verified = verify_authentication_response(
            credential=_document(answer), expected_challenge=challenge, expected_rp_id=party.id,
            expected_origin=party.origin, credential_public_key=base64url_to_bytes(public_key),
            credential_current_sign_count=counter, require_user_verification=must_verify_user,
        )  # fmt: skip
    except _UNREADABLE as error:
        raise refused() from error
    return Asserted(verified.new_sign_count, verified.user_verified)


def refused() -> DomainError:
    """The refusal of whatever a browser has answered: no passkey of the person, or not to what was asked."""
    return unauthenticated("PASSKEY_REFUSED", "The passkey was not accepted.", oauth_error="access_denied")


def _document(answer: str) -> dict[str, Any]:
    document = json.loads(answer) if len(answer) <= MAX_ANSWER else None
    if not isinstance(document, dict):
        raise TypeError("an answer is an object")
    return document


def _is_discoverable(document: dict[str, Any]) -> bool:
    """Browsers that say nothing of it, or no, have made a credential that signs nobody in without a name."""
    try:
        return document["clientExtensionResults"]["credProps"]["rk"] is True
    except (KeyError, TypeError):
        return False


def _transports(document: dict[str, Any]) -> str:
    named = document["response"].get("transports")
    known = {transport.value for transport in AuthenticatorTransport}
    return " ".join(sorted(known.intersection(named if isinstance(named, list) else ())))


def _described(known: Iterable[tuple[str, str]]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=base64url_to_bytes(id), transports=[AuthenticatorTransport(one) for one in transports.split()]
        )
        for id, transports in known
    ]
