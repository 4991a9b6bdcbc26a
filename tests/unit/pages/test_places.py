"""Places of sessions: browsers by the names that people know."""

from __future__ import annotations

import pytest

from ostiary.oauth.sessions.places import place_of

_KIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("header", "agent"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox, Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_KIT} Chrome/142.0 Safari/537.36 Edg/142.0", "Edge, Windows"),
        (f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {_KIT} Chrome/142.0 Mobile Safari/537.36", "Chrome, Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Mobile Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.1 Safari/605.1.15", "Safari, macOS"),
        ("curl/8.5.0", ""), ("", ""), ("x" * 600 + "Firefox/1.0", ""),
    ],
)  # fmt: skip
def test_a_browser_has_the_name_that_people_know(header: str, agent: str) -> None:
    place = place_of(header, "192.0.2.7")
    assert (place.agent, place.address) == (agent, "192.0.2.7")
