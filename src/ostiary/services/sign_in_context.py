"""Sign-in context of a call: the interface at which the user signs in."""

from __future__ import annotations

from ostiary.oauth.platform.sessions import SignInContext
from ostiary.transport.call import current_call


def sign_in_context(kind: str) -> SignInContext:
    """The context of a sign-in of this kind (csp or cloudapi): its tokens are recorded under the name in the RPC's
    rules."""
    call = current_call()
    return SignInContext(kind, call.rules.audit, call.request_id)
