"""Files of npm packages under third_party/npm, named by its packages.toml: taken anew, or compared with SHA256SUMS.

Needs npm, whose ordinary client fetches each package; `--check` needs nothing.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "third_party/npm"
SUMS = "SHA256SUMS"


def main(arguments: list[str]) -> int:
    """Takes the files, or checks them; 1 when a file is not what it was."""
    if arguments == ["--check"]:
        wrong = sorted({*(FOLDER / SUMS).read_text().splitlines()} ^ {*_sums(FOLDER)})
        sys.stderr.write("".join(f"third_party/npm: not as it was taken: {line}\n" for line in wrong))
        return 1 if wrong else 0
    packages = tomllib.loads((FOLDER / "packages.toml").read_text())
    for name, package in packages.items():
        _take(name, package)
    (FOLDER / SUMS).write_text("".join(f"{line}\n" for line in _sums(FOLDER)))
    return 0


def _take(name: str, package: dict[str, Any]) -> None:
    """Replaces the files of a package. Raises SystemExit for a package with another digest."""
    with tempfile.TemporaryDirectory() as scratch:
        asked = ["npm", "pack", "--silent", "--ignore-scripts", f"{name}@{package['version']}"]
        subprocess.run(asked, cwd=scratch, check=True, stdout=subprocess.DEVNULL)
        (packed,) = Path(scratch).glob("*.tgz")
        digest = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
        if package["integrity"] != f"sha512-{digest}":
            raise SystemExit(f"packages.toml does not name the digest of {name} {package['version']}: sha512-{digest}")
        place = FOLDER / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        with tarfile.open(packed) as archive:
            for file in package["files"]:
                member = archive.getmember(f"package/{file}")
                member.name = Path(file).name
                archive.extract(member, place, filter="data")


def _sums(folder: Path) -> list[str]:
    """A line for each file, as `sha256sum` writes it."""
    files = sorted(file for file in folder.glob("*/*") if file.is_file())
    return [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(folder)}" for file in files]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
