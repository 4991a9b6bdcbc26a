"""The wheel of a release, installed as its users install it: into an empty environment, with nothing of this checkout.

Not part of `make test`, since it needs a package index: `make release-check`. Each Python of PYTHONS that is there is
tried; those that are not are named as skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from kit.patience import awaited
from kit.servers.ports import free_port

DIST = Path(__file__).parents[2] / "dist"
PYTHONS = os.environ.get("PYTHONS", "python3.11 python3.12 python3.13").split()
PERSON = {"emails": [{"value": "ada@example.com", "primary": True}], "password": "difference engine 1"}
INSTALL_S = 600


class Place:
    """An environment of its own, and an empty folder to run in."""

    def __init__(self, python: str, folder: Path) -> None:
        self.folder = folder
        self._bin = folder / "environment/bin"
        # Neither our settings nor PYTHONPATH, by which the code of this checkout would be found.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OSTIARY_", "PYTHON"))}
        self.environment = {**kept, "PATH": f"{self._bin}:/usr/bin:/bin"}
        subprocess.run([python, "-m", "venv", folder / "environment"], check=True, env=self.environment)

    def run(self, command: str, *arguments: str | Path) -> str:
        """What a command of the environment prints."""
        ended = subprocess.run(
            [self._bin / command, *arguments], cwd=self.folder, env=self.environment, text=True, capture_output=True,
            timeout=INSTALL_S, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    @contextmanager
    def serving(self) -> Iterator[subprocess.Popen[bytes]]:
        """`ostiary serve`, ended at the latest with the test."""
        process = subprocess.Popen([self._bin / "ostiary", "serve"], cwd=self.folder, env=self.environment)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def released(pattern: str) -> Path:
    """The one file of a release in dist/."""
    (found,) = DIST.glob(pattern)
    return found


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest) -> str:
    """A Python of PYTHONS that works."""
    found = next(filter(runs, candidates(request.param)), None)
    if not found:
        pytest.skip(f"there is no {request.param} here")
    return found


def candidates(named: str) -> list[str]:
    """Where an interpreter may be: on the path, or among those that pyenv keeps."""
    kept = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    return [*filter(None, [shutil.which(named)]), *map(str, sorted(kept.glob(f"*/bin/{Path(named).name}")))]


def runs(python: str) -> bool:
    """Whether it is one: pyenv puts a program of every name on the path, also of versions that are not chosen."""
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


@pytest.mark.timeout(INSTALL_S + 120)
def test_the_wheel_serves_from_an_empty_environment(python: str, tmp_path: Path) -> None:
    place = Place(python, tmp_path)
    place.run("pip", "install", "--quiet", "--constraint", released("*.constraints.txt"), released("*.whl"))
    place.run("pip", "check")
    walk(place)


def walk(place: Place) -> None:
    """From nothing to a sign-in over REST, and to an orderly end."""
    port, admin = free_port(), free_port()
    place.environment |= {"OSTIARY_LISTEN": f"127.0.0.1:{port}", "OSTIARY_ADMIN_LISTEN": f"127.0.0.1:{admin}"}
    made = json.loads(place.run("ostiary", "init", "--json"))
    with place.serving() as server, httpx.Client(timeout=30) as client:
        awaited(lambda: server.poll() is not None or is_ready(f"http://127.0.0.1:{admin}/readyz"))
        assert server.poll() is None, "it ended at its start"
        key = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": made["apikey"]}
        token = client.post(made["iamTokenUrl"], data=key).json()["access_token"]
        signed_up = client.post(
            f"{made['managementUrl']}/cloud_directory/sign_up?shouldCreateProfile=true",
            json={**PERSON, "status": "CONFIRMED"}, headers={"authorization": f"Bearer {token}"},
        )  # fmt: skip
        assert signed_up.status_code == 201, signed_up.text
        grant = {"grant_type": "password", "username": "ada@example.com", "password": PERSON["password"]}
        signed_in = client.post(
            f"{made['oauthServerUrl']}/token", data=grant, auth=(made["clientId"], made["secret"])
        )  # fmt: skip
        assert signed_in.status_code == 200, signed_in.text
        assert signed_in.json()["token_type"] == "Bearer"
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0


def is_ready(url: str) -> bool:
    """Whether the server says so."""
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False
