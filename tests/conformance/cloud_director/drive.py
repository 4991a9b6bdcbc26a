"""go-vcloud-director, unchanged, against a server of ours: `make sdk`, which needs Go with its registry. Where either
is missing, it is skipped, and said."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from kit.patience import PATIENCE_S
from kit.servers.command import ostiary_here
from kit.servers.served import served

HERE = Path(__file__).parent / "go"
LIBRARY = "github.com/vmware/go-vcloud-director/v3"
pytestmark = pytest.mark.timeout(900)
"""The first time everything is fetched and compiled."""


@pytest.fixture(scope="module")
def took(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each step of the program came to."""
    if not shutil.which("go"):
        pytest.skip("go is not installed here")
    folder = tmp_path_factory.mktemp("go")
    shutil.copytree(HERE, folder, dirs_exist_ok=True)
    fetched = subprocess.run(
        ["go", "get", f"{LIBRARY}/govcd@v3.1.1"], cwd=folder, capture_output=True, text=True, check=False
    )
    if fetched.returncode:
        pytest.skip(f"go does not reach its registry: {fetched.stderr[-300:]}")
    subprocess.run(["go", "build", "-o", "program", "."], cwd=folder, check=True)
    with served(tmp_path_factory.mktemp("server"), workers=2) as server:
        made = ostiary_here("operator", "create", "jane", "--generate", "--json", cwd=server.folder, **server.variables)
        given = {"url": server.url, "user": "jane", "password": made.json()["password"]}
        ended = subprocess.run(
            [folder / "program"], input=json.dumps(given), capture_output=True, text=True, timeout=PATIENCE_S,
            check=False,
        )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def test_it_makes_and_changes_what_it_then_finds(took: dict[str, Any]) -> None:
    assert (took["org"]["name"], took["org"]["description"]) == ("made-by-go", "described")
    assert took["role"] == {"name": "watcher", "description": "reads all", "rights": ["organization.read"]}
    assert took["group"] == "everybody"
    assert took["user"] == ["gopher", "Go Gopher", "watcher"]


def test_what_it_deletes_is_gone_when_the_task_has_ended(took: dict[str, Any]) -> None:
    assert (took["userIsGone"], took["groupIsGone"], took["orgIsGone"]) == (True, True, True)


def test_what_it_signs_out_of_and_revokes_opens_nothing(took: dict[str, Any]) -> None:
    assert (took["tokens"], took["signedOut"]) == (True, True)
