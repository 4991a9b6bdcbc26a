"""Sign-in context of a call: the interface at which the user signs in."""

from __future__ import annotations

from ostiary.oauth.platform_sessions import Entrance
from ostiary.transport.call import current_call


def entrance(kind: str) -> Entrance:
    """The entrance of this kind (csp or cloudapi) whose tokens are recorded under the name in the RPC's rules."""
    call = current_call()
    return Entrance(kind, call.rules.audit, call.request_id)
