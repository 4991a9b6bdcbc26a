"""Files that an operator names by mistake: one line that says which and why, never a traceback, never a wait."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from kit.servers.command import ostiary_here

RANDOM = bytes.fromhex("84ff00d1c3280a9be2") * 40


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def unreadable(path: Path) -> None:
    """Exists, and every reading of it fails, whoever asks."""
    path.symlink_to("/proc/self/mem")


def random(path: Path) -> None:
    path.write_bytes(RANDOM)
    path.chmod(0o600)


def empty(path: Path) -> None:
    path.touch(0o600)


def latin1(path: Path) -> None:
    path.write_bytes('name = "Käse"\n'.encode("latin-1"))
    path.chmod(0o600)


def absent(path: Path) -> None:
    assert not path.exists()


KINDS = [folder, pipe, device, unreadable, random, latin1, absent]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation to be copied: to make one takes longer than what is asked of it."""
    folder = tmp_path_factory.mktemp("installed")
    assert ostiary_here("init", cwd=folder).code == 0
    return folder


@pytest.fixture
def place(installed: Path, tmp_path: Path) -> Path:
    shutil.copytree(installed, tmp_path, dirs_exist_ok=True)
    return tmp_path


def refused(place: Path, *arguments: str, **variables: str) -> str:
    """What a command says that must be changed first, or failed, in its one line."""
    ended = ostiary_here(*arguments, cwd=place, **variables)
    assert ended.code in (1, 2), ended
    assert (ended.stdout, ended.stderr.count("\n")) == ("", 1), ended
    assert "unforeseen" not in ended.stderr
    return ended.stderr


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize(
    "command",
    [
        ("tenant", "list", "--master-key-file"), ("tenant", "list", "--old-master-key-file"),
        ("tenant", "list", "--config"), ("routes", "--limits-file"), ("restore",),
    ],
    ids=lambda command: command[-1],
)  # fmt: skip
def test_an_odd_file_is_named(place: Path, make: Callable[[Path], None], command: tuple[str, ...]) -> None:
    make(place / "odd.file")
    assert "odd.file" in refused(place, *command, "odd.file")


@pytest.mark.parametrize("make", [empty, random])
def test_an_odd_file_for_init_makes_no_installation(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "odd.file")
    assert "odd.file" in refused(tmp_path, "init", "--master-key-file", "odd.file")
    assert refused(tmp_path, "tenant", "list")
    assert ostiary_here("init", cwd=tmp_path).code == 0


def test_a_store_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var/ostiary.sqlite3").write_bytes(RANDOM)
    for command in (("init",), ("tenant", "list"), ("backup", "copy"), ("migrate",)):
        assert "ostiary.sqlite3" in refused(tmp_path, *command)


@pytest.mark.parametrize("kept", [0, 100, 5_000, 100_000])
def test_a_cut_backup_is_named(place: Path, kept: int) -> None:
    assert ostiary_here("backup", "whole", cwd=place).code == 0
    (place / "cut.backup").write_bytes((place / "whole").read_bytes()[:kept])
    assert "cut.backup" in refused(place, "restore", "cut.backup", "--since", "moved")


def test_a_compressed_backup_is_called_one(place: Path) -> None:
    assert ostiary_here("backup", "whole", cwd=place).code == 0
    (place / "whole.gz").write_bytes(gzip.compress((place / "whole").read_bytes()))
    assert "whole.gz is no SQLite database" in refused(place, "restore", "whole.gz")


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ("management = 5", "[management]"),
        ("[management]\nper_minute = -1", "management: per_minute"),
        ("[management]\nper_minute = 'many'", "management: per_minute"),
        ("[management]\nby = 'moon'\nper_minute = 1", "by is address, principal or tenant"),
        ("exact = 1", "[exact."),
    ],
)
def test_a_limit_that_is_none_is_named(place: Path, limits: str, says: str) -> None:
    given = (place / "limits.toml").write_text(limits)
    assert given
    assert "limits" in refused(place, "routes", "--limits-file", "limits.toml")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'data = "a\\u0000b"', "data holds a NUL"),
        (b"workers = 2030-01-01", "workers"),
        (b"a = " + b"[" * 100_000, "nested too deeply"),
        (b'database = ["a"]', "database"),
    ],
    ids=["nul", "date", "deep", "list"],
)
def test_a_setting_that_is_none_is_named(place: Path, content: bytes, says: str) -> None:
    (place / "odd.toml").write_bytes(content)
    assert says in refused(place, "tenant", "list", "--config", "odd.toml")


def test_a_configuration_with_a_byte_order_mark_is_read(place: Path) -> None:
    (place / "ostiary.toml").write_bytes(b'\xef\xbb\xbflog_level = "debug"\n')
    assert ostiary_here("tenant", "list", "--config", "ostiary.toml", cwd=place).code == 0


@pytest.mark.parametrize("command", [("tenant", "show", "\udcff"), ("apikey", "create", "\udcff")], ids=" ".join)
def test_arguments_that_are_no_text_are_refused(place: Path, command: tuple[str, ...]) -> None:
    assert "UTF-8" in refused(place, *command)
