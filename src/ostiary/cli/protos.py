"""`ostiary protos`: what callers of other languages generate their stubs from."""

from __future__ import annotations

import shutil
from pathlib import Path

import click


@click.command("protos", short_help="Write the protos, those they import, and a descriptor set.")
@click.option("--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="The folder to fill.")
def command(output: Path) -> None:
    """Writes the protos of this version with those that they import, and descriptors.binpb, a FileDescriptorSet of all.

    \b
    Example
      ostiary protos --output protos
      buf generate protos
    """
    import ostiary_api
    from ostiary.config import proto_folders

    for folder in proto_folders():
        for proto in sorted(folder.rglob("*.proto")):
            target = output / proto.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(proto, target)
    shutil.copyfile(Path(ostiary_api.__file__).parent / "descriptors.binpb", output / "descriptors.binpb")
