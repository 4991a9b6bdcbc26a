"""Place of a session: the browser and the address, by which people know their own sessions."""

from __future__ import annotations

from dataclasses import dataclass

MAX_HEADER = 512
"""Characters of a User-Agent that are looked at."""
_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chromium", "Chromium"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
"""What a User-Agent contains, and the browser; in this order, since most browsers name others too."""
_SYSTEMS = (
    ("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """The browser, such as `Firefox, Linux`, and the client's address. Both are empty where nothing is known."""

    agent: str = ""
    address: str = ""


NOWHERE = Place()


def place_of(user_agent: str, address: str) -> Place:
    """The place of a request. Of the header only the names are kept: all of it would tell more of a person than is
    needed."""
    header = user_agent[:MAX_HEADER]
    found = (next((name for part, name in names if part in header), "") for names in (_BROWSERS, _SYSTEMS))
    return Place(", ".join(filter(None, found)), address[:64])
