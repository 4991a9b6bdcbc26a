"""The clients of docs/grpc.md, generated, compiled and run as its readers would, against a server of ours: `make sdk`.

Each runs with what the page names for it and nothing else of the project's environment. What is not on this machine, or
cannot be fetched, is skipped, and said.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.page import PAGE, Example, examples
from kit.servers.ports import free_port
from kit.servers.served import served

EXAMPLES = examples()
NEEDED = {
    "Go": ("go", "buf"),
    "Java": ("java", "mvn"),
    "TypeScript": ("node", "npm", "npx"),
    "Python": ("python3",),
}
"""The programs that the page names, by language."""
REGISTRIES = {
    "go": "GOFLAGS=-mod=mod go list -m google.golang.org/grpc@v1.85.0",
    "mvn": "mvn --quiet dependency:get -Dtransitive=false -Dartifact=io.grpc:grpc-stub:1.83.1",
    "npm": "npm view typescript@5.9.3 version",
    "python3": "python3 -m pip download --quiet --no-deps googleapis-common-protos==1.76.0",
}
"""A small question to the registry of a program."""
SLOW = pytest.mark.timeout(900)
"""The first time everything is fetched and compiled."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for everything, with buf in `bin`, which is the only program that it takes from the project."""
    folder = tmp_path_factory.mktemp("grpc")
    (folder / "bin").mkdir()
    link(folder, "buf")
    return folder


def link(place: Path, program: str) -> None:
    """Puts a program of this machine into `bin`; skips when there is none."""
    found = shutil.which(program)
    if not found:
        pytest.skip(f"{program} is not installed here")
    (place / "bin" / program).unlink(missing_ok=True)
    (place / "bin" / program).symlink_to(found)


def typed(commands: str, folder: Path, place: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """What came of commands in a shell that finds the programs in `bin`, and those of the system."""
    theirs = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV", "PYTHON"}}
    theirs |= {"PATH": f"{place}/bin:/usr/local/bin:/usr/bin:/bin", "GOBIN": f"{place}/bin", **variables}
    return subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", commands], cwd=folder, env=theirs, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def variables(place: Path) -> Iterator[dict[str, str]]:
    """What the first commands of the page leave in the environment, while the server runs that they were made for."""
    port = free_port()
    public = {"OSTIARY_DATA": f"{place}/data", "OSTIARY_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    link(place, "ostiary")
    prepared = typed(f"{EXAMPLES['Stubs'].commands}\nenv", place, place, PYTHONPATH=os.environ["PYTHONPATH"], **public)
    assert prepared.returncode == 0, prepared.stderr
    (place / "bin" / "ostiary").unlink()
    exported = dict(line.split("=", 1) for line in prepared.stdout.splitlines() if "=" in line)
    with served(place, init=False, workers=1, listen=f"127.0.0.1:{port}"):
        yield {name: exported[name] for name in ("GRPC", "APIKEY", "TENANT")}


def ready(place: Path, *programs: str) -> None:
    """Links programs, and skips where one is missing or does not reach its registry."""
    scratch = place / "scratch"
    scratch.mkdir(exist_ok=True)
    for program in programs:
        link(place, program)
    for program in REGISTRIES.keys() & set(programs):
        asked = typed(REGISTRIES[program], scratch, place)
        if asked.returncode:
            pytest.skip(f"{program} does not reach its registry: {(asked.stdout + asked.stderr)[-300:]}")


def laid(example: Example, name: str, place: Path) -> Path:
    """A folder with the example's files and with the protos."""
    folder = place / name
    shutil.copytree(place / "protos", folder / "protos")
    example.write(folder)
    return folder


def test_every_section_of_the_page_with_commands_is_run() -> None:
    assert EXAMPLES.keys() == {"Stubs", *NEEDED, "Others", "By hand"}


@SLOW
@pytest.mark.parametrize("language", NEEDED)
def test_a_client_is_generated_compiled_and_answered(language: str, place: Path, variables: dict[str, str]) -> None:
    ready(place, *NEEDED[language])
    example = EXAMPLES[language]
    ended = typed(example.commands, laid(example, language, place), place, **variables)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "SERVING 3600\n" in ended.stdout


@SLOW
def test_grpcurl_and_buf_call_by_reflection_and_by_the_protos(place: Path, variables: dict[str, str]) -> None:
    ready(place, "go", "buf", "python3")
    install = PAGE.read_text(encoding="utf-8").partition("grpcurl (`")[2].partition("`)")[0]
    assert install.startswith("go install ")
    ended = typed(f"{install}\n{EXAMPLES['By hand'].commands}", place, place, **variables)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for expected in (
        "\nidentity.access.v1.AccessService\n", "IntrospectToken is a method", '"status": "SERVING"',
        '"expires_in": 3600', '"active": true',
    ):  # fmt: skip
        assert expected in ended.stdout


@pytest.mark.usefixtures("variables")
def test_protoc_writes_a_file_of_csharp_for_each_proto(place: Path) -> None:
    ready(place, "python3")
    folder = laid(EXAMPLES["Others"], "csharp", place)
    ended = typed(EXAMPLES["Others"].commands, folder, place)
    assert ended.returncode == 0, ended.stderr
    protos = list((folder / "protos/identity").rglob("*.proto"))
    assert len(list((folder / "generated").iterdir())) == len(protos) > 0
