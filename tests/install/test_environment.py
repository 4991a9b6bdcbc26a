"""`tools/environment` itself, on a machine of its own: a folder with a lock, and a package index that has moved on.

The index is a folder of static files (PEP 503); no network is needed.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools/environment"
PROJECT = """
[project]
name = "project"
version = "1"
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
BACKEND = '''
"""The smallest build backend (PEP 517, PEP 660): an editable wheel that puts src/ on the path."""
import zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "project-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("project.pth", "src")
        wheel.writestr("project-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: project\\nVersion: 1\\n")
        wheel.writestr("project-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("project-1.dist-info/RECORD", "")
    return name
'''


@dataclass(frozen=True)
class Machine:
    """A checkout with nothing installed, and the index that it installs from."""

    folder: Path

    def publish(self, name: str, version: str, *metadata: str) -> str:
        """Puts a release on the index; its line in a lock file."""
        made = _wheel(self.folder / "files", name, version, metadata)
        digest = hashlib.sha256(made.read_bytes()).hexdigest()
        page = self.folder / "simple" / name / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        with page.open("a") as html:
            html.write(f'<a href="../../files/{made.name}#sha256={digest}">{made.name}</a>\n')
        return f"{name}=={version} --hash=sha256:{digest}\n"

    def install(self, lock: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Runs the tool with a lock file, as the Makefile does."""
        (self.folder / "requirements.txt").write_text("".join(lock))
        (self.folder / "requirements-dev.txt").write_text("# nothing\n")
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON", "OSTIARY_"))
        }
        settings = {
            "PYTHON": sys.executable, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1",
            "PIP_INDEX_URL": (self.folder / "simple").as_uri(),
        }  # fmt: skip
        return subprocess.run(
            [self.folder / "tools/environment", "requirements.txt"], env={**environment, **settings}, text=True,
            capture_output=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def installed(self) -> dict[str, str]:
        """What is there, by name."""
        listed = subprocess.run(
            [self.folder / ".venv/bin/python", "-m", "pip", "list", "--format", "freeze"], text=True, check=True,
            capture_output=True,
        )  # fmt: skip
        return dict(line.split("==") for line in listed.stdout.split() if "==" in line)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """An empty machine; one for all tests, since making an environment takes seconds."""
    tmp_path = tmp_path_factory.mktemp("machine")
    (tmp_path / "tools").mkdir()
    shutil.copy(TOOL, tmp_path / "tools")
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "backend.py").write_text(BACKEND)
    module = tmp_path / "src/ostiary/__init__.py"
    module.parent.mkdir(parents=True)
    module.touch()
    (tmp_path / "files").mkdir()
    return Machine(tmp_path)


def test_a_newer_release_of_what_is_asked_for_with_an_extra_changes_nothing(machine: Machine) -> None:
    lock = [
        machine.publish("asking", "1.0", "Requires-Dist: asked[mail]>=1"),
        machine.publish("asked", "1.0", "Provides-Extra: mail", "Requires-Dist: mailing; extra == 'mail'"),
        machine.publish("mailing", "1.0"),
    ]
    machine.publish("asked", "1.1", "Provides-Extra: mail", "Requires-Dist: mailing; extra == 'mail'")
    ended = machine.install(lock)
    assert ended.returncode == 0, ended.stderr
    assert machine.installed().items() >= {"asking": "1.0", "asked": "1.0", "mailing": "1.0", "project": "1"}.items()
    (machine.folder / "simple").rename(machine.folder / "gone")
    assert machine.install(lock).returncode == 0, "what is installed already needs no index"


def test_a_lock_that_lacks_a_package_is_refused_until_it_has_it(machine: Machine) -> None:
    lock = [machine.publish("lacking", "1.0", "Requires-Dist: lacked>=1")]
    lacked = machine.publish("lacked", "1.0")
    for _ in range(2):
        ended = machine.install(lock)
        assert ended.returncode != 0, "nor is it taken for installed the second time"
        assert "lacked" in ended.stdout + ended.stderr
    assert machine.install([*lock, lacked]).returncode == 0


def test_a_package_that_is_not_the_pinned_one_is_refused(machine: Machine) -> None:
    name, _, digest = machine.publish("changed", "1.0").rpartition(":")
    ended = machine.install([f"{name}:{digest.strip()[::-1]}\n"])
    assert ended.returncode != 0
    assert "HASHES" in ended.stderr
    assert "changed" not in machine.installed()


def _wheel(folder: Path, name: str, version: str, metadata: Sequence[str]) -> Path:
    """A wheel with metadata and nothing else."""
    path, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    described = "\n".join(("Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata, ""))
    files = {
        f"{info}/METADATA": described,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
        wheel.writestr(f"{info}/RECORD", "".join(map(_recorded, files, files.values())) + f"{info}/RECORD,,\n")
    return path


def _recorded(file: str, text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"{file},sha256={digest},{len(text)}\n"
