"""`ostiary protos`: the proto files from which callers in other languages generate stubs, and the stubs of Python."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

_OURS = b'option go_package = "ostiary.internal/'
"""Text of each of our own protos."""
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("protos")
@click.option("--output", required=True, type=FOLDER, help="The folder to fill.")
@click.option("--python", type=FOLDER, help="Write the Python package ostiary_api into this folder too.")
def command(output: Path, python: Path | None) -> None:
    """Writes the protos of this version with those that they import, and descriptors.binpb, a FileDescriptorSet of all.
    Protos of ours that this version does not have are removed: generators refuse a message that is there twice.

    \b
    Examples
      ostiary protos --output protos
      ostiary protos --output protos --python stubs
    """
    import ostiary_api

    generated = Path(ostiary_api.__file__).parent
    written = _write_protos(output)
    for proto in {path.relative_to(output) for path in (output / "identity").rglob("*.proto")} - written:
        if _OURS in (output / proto).read_bytes():
            (output / proto).unlink()
    shutil.copyfile(generated / "descriptors.binpb", output / "descriptors.binpb")
    if python:
        unwanted = shutil.ignore_patterns("__pycache__", "descriptors.binpb", "openapi.json")
        shutil.copytree(generated, python / generated.name, ignore=unwanted, dirs_exist_ok=True)


def _write_protos(output: Path) -> set[Path]:
    """Copies all protos into the folder; their paths in it."""
    from ostiary.config import proto_folders

    written = set()
    for folder in proto_folders():
        for proto in sorted(folder.rglob("*.proto")):
            name = proto.relative_to(folder)
            (output / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(proto, output / name)
            written.add(name)
    return written
