"""`ostiary protos` writes what callers of other languages generate their stubs from."""

from __future__ import annotations

from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc
from kit.command import ostiary_here


def test_the_protos_that_it_writes_compile_by_themselves(tmp_path: Path) -> None:
    assert ostiary_here("protos", "--output", "protos", cwd=tmp_path).code == 0
    folder = tmp_path / "protos"
    files = {str(path.relative_to(folder)) for path in folder.rglob("*.proto")}
    described = FileDescriptorSet.FromString((folder / "descriptors.binpb").read_bytes())
    ours = {file.name for file in described.file if not file.name.startswith("google/protobuf/")}
    assert ours <= files
    own = sorted(files)
    arguments = ["protoc", f"-I{folder}", f"-I{Path(protoc.__file__).parent}/_proto", "--include_imports"]
    assert protoc.main([*arguments, f"--descriptor_set_out={tmp_path}/compiled", *own]) == 0
    compiled = FileDescriptorSet.FromString((tmp_path / "compiled").read_bytes())
    assert {file.name for file in compiled.file} >= ours
