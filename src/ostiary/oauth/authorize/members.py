"""Members of an organization whom another provider has proved.

An identity belongs to the member to whom it was linked at its first sign-in. That sign-in is decided by the mail
address alone, where the provider is sure of it, and by the organization's rule (`MEMBER_PROVIDERS`). The word of a
provider is worth no more than that of the administrators who have set it up: it signs nobody in who may do more.
"""

from __future__ import annotations

from ostiary.directory.profiles.linking import Arrival
from ostiary.directory.roles.built_in import BUILT_IN, WRITER
from ostiary.directory.roles.permissions import for_good
from ostiary.directory.roles.rights import refuse_acting_on, rights_of_user
from ostiary.directory.signin.admission import SignedIn, admit_known
from ostiary.directory.users.contacts import Contact
from ostiary.directory.users.input import NewUser
from ostiary.directory.users.linked_identities import link_identity, linked_user
from ostiary.directory.users.login_names import user_with_login_name
from ostiary.directory.users.users import create_user, get_user
from ostiary.errors import DomainError, denied
from ostiary.ids import Entropy
from ostiary.names import email_key
from ostiary.oauth.claims.standard_claims import said_claims
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.upstream.members import MEMBER_PROVIDERS

_SETTERS = for_good(BUILT_IN[WRITER].permissions)
"""The rights of those who set providers up."""


def member_at_sign_in(work: Work, tenant: TenantView, arrival: Arrival, entropy: Entropy, now_ms: int) -> SignedIn:
    """The member to whom an identity belongs, who has just signed in by it. Raises NOT_A_MEMBER, MEMBER_LINKED,
    ADDRESS_NOT_CONFIRMED and PASSWORD_NEEDED (403), USER_NOT_VERIFIED."""
    identity = arrival.identity
    user_id = linked_user(work, tenant.id, identity.provider, identity.id)
    if user_id is None:
        user_id = _by_address(work, tenant, arrival, entropy, now_ms)
        if not link_identity(work, tenant.id, identity.provider, identity.id, user_id, now_ms):
            message = "Somebody else signs in to this account with the provider already."
            raise denied("MEMBER_LINKED", message)
    signed_in = admit_known(work, tenant, user_id, now_ms)
    if signed_in is None:
        raise _not_a_member()
    try:
        refuse_acting_on(_SETTERS, rights_of_user(work, tenant.id, user_id, now_ms))
    except DomainError as error:
        message = "This account has rights for which another provider is not enough: sign in with its password."
        raise denied("PASSWORD_NEEDED", message) from error
    return signed_in


def _by_address(work: Work, tenant: TenantView, arrival: Arrival, entropy: Entropy, now_ms: int) -> str:
    """The directory id of the member with the proved address, or of a new one. An address that somebody has given and
    not confirmed is nobody's: else whoever gives the address of another first would wait in the account."""
    rule, address = MEMBER_PROVIDERS.read(work, tenant), arrival.proved_email
    if not address or not rule.takes(address):
        raise _not_a_member()
    key = email_key(address)
    user_id = user_with_login_name(work, tenant.id, key)
    if user_id is None:
        return _added(work, tenant, arrival, entropy, now_ms)
    emails = get_user(work, tenant.id, user_id).emails
    if not any(email.verified and email_key(email.value) == key for email in emails):
        message = "There is an account with this address that has not confirmed it."
        raise denied("ADDRESS_NOT_CONFIRMED", message)
    return user_id


def _added(work: Work, tenant: TenantView, arrival: Arrival, entropy: Entropy, now_ms: int) -> str:
    """A new member, without a password and without any role."""
    if not MEMBER_PROVIDERS.read(work, tenant).adds_members:
        raise _not_a_member()
    facts, said = arrival.facts, said_claims(arrival.identity.user_info)
    emails = (Contact(arrival.proved_email, primary=True, verified=True),)
    new = NewUser(
        facts.get("name", ""), said.get("given_name", ""), said.get("family_name", ""), facts.get("locale", ""),
        emails=emails, may_sign_in=True,
    )  # fmt: skip
    return create_user(work, tenant.id, new, None, entropy, now_ms).id


def _not_a_member() -> DomainError:
    return denied("NOT_A_MEMBER", "There is no account here for this person, or it may not be used now.")
