"""Cookies of a sign-in whose browser is at another server: they bring it back to its transaction.

The other server returns only `state`, so the browser keeps both of its parts of the transaction meanwhile, under a name
that the state gives. Another browser that is led to the return address has no such cookie: nobody is signed in as
somebody else by a link. `SameSite=Lax` sends them along, since the return is a navigation by GET.
"""

from __future__ import annotations

from ostiary.ids import digest
from ostiary.login.cookies import cookies_of
from ostiary.oauth.authorize.request import AuthorizationFailed, ReturnAddress
from ostiary.oauth.authorize.transactions import LIFETIME_S, BrowserHalf
from ostiary.transport.call import Call

_NAME = "ostiary_away_"
_PIECE = 3_500
"""Characters of one cookie: browsers keep 4,096 of name, value and attributes together (RFC 6265bis §5.6)."""
_PIECES = 2
_OPEN = 6
"""Cookies of journeys that nobody has come back from; with more of them requests would become too long."""


def keep_away(call: Call, address: ReturnAddress, state: str, browser: BrowserHalf, attributes: str) -> None:
    """Gives the browser what it needs to come back with `state`. Raises AuthorizationFailed for a request that is too
    long to be kept."""
    value = f"{browser.secret}.{browser.handle}"
    pieces = [value[start : start + _PIECE] for start in range(0, len(value), _PIECE)]
    if len(pieces) > _PIECES:
        message = "The request is too long for a sign-in with another provider: send a shorter state, nonce or scope."
        raise AuthorizationFailed(address, "invalid_request", message)
    others = [name for name, value in cookies_of(call).items() if name.startswith(_NAME) and value]
    for name in others if len(others) >= _OPEN else ():
        _set(call, name, "", 0, attributes)
    for number, piece in enumerate(pieces):
        _set(call, _name(state, number), piece, LIFETIME_S, attributes)


def browser_back(call: Call, state: str) -> BrowserHalf:
    """The part of the transaction that the browser has, which comes back with `state`; an empty one if none."""
    cookies = cookies_of(call)
    secret, _, handle = "".join(cookies.get(_name(state, number), "") for number in range(_PIECES)).partition(".")
    return BrowserHalf(handle, secret)


def clear_away(call: Call, state: str, attributes: str) -> None:
    """Takes the cookies of a journey that has ended from the browser."""
    for name in {_name(state, number) for number in range(_PIECES)} & cookies_of(call).keys():
        _set(call, name, "", 0, attributes)


def _set(call: Call, name: str, value: str, max_age_s: int, attributes: str) -> None:
    call.headers.append(("set-cookie", f"{name}={value}; Max-Age={max_age_s}; {attributes}"))


def _name(state: str, number: int) -> str:
    return f"{_NAME}{digest(state)[:16]}_{number}"
