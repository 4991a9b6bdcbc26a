"""Device code grant (RFC 8628 §3.4): a device asks again and again until somebody has decided."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from ostiary.errors import invalid
from ostiary.oauth.token.profile import AnySubject, Authorized, GrantType, TokenRequest

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"


class DeviceState(Enum):
    """What a device is told (RFC 8628 §3.5): the code and the description of the error; GRANTED is none."""

    PENDING = ("authorization_pending", "Nobody has decided yet; ask again after the interval.")
    TOO_FAST = ("slow_down", "The interval between two questions grows by five seconds.")
    DENIED = ("access_denied", "An administrator has denied it.")
    EXPIRED = ("expired_token", "The device code has expired; begin again.")
    UNKNOWN = ("invalid_grant", "The device code is not valid, or was used.")
    GRANTED = ("", "")


Polling = Callable[[TokenRequest[AnySubject], str], DeviceState]
"""Reads the state of the device with this device code, and notes that it has asked, in a transaction of its own."""
Opening = Callable[[TokenRequest[AnySubject], str], Authorized[AnySubject]]
"""Opens what was granted to the device with this device code."""


class DeviceCodeGrant(GrantType[AnySubject]):
    """`device_code`; `client_id` says whose it is."""

    public_clients = True

    def __init__(self, polling: Polling[AnySubject], opening: Opening[AnySubject]) -> None:
        self._polling = polling
        self._opening = opening

    def authorize(self, request: TokenRequest[AnySubject]) -> Authorized[AnySubject]:
        """What was granted; raises the errors of RFC 8628 §3.5."""
        device_code = request.form.required("device_code")
        state = self._polling(request, device_code)
        if state is not DeviceState.GRANTED:
            code, message = state.value
            raise invalid(state.name, message, oauth_error=code)
        return self._opening(request, device_code)
