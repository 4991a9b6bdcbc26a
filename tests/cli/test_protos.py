"""`ostiary protos` writes what callers of other languages generate their stubs from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc
from kit.servers.command import ostiary_here


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


def test_a_proto_that_this_version_does_not_have_goes_when_they_are_written_again(tmp_path: Path) -> None:
    protos = tmp_path / "protos"
    earlier, theirs, foreign = (protos / f"{name}.proto" for name in ("identity/scim/v2/users", "identity/x", "shop/x"))
    for path in (earlier, theirs, foreign):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('syntax = "proto3";')
    earlier.write_text('syntax = "proto3";\noption go_package = "ostiary.internal/identity/scim/v2;scimv2";')
    assert ostiary_here("protos", "--output", "protos", cwd=tmp_path).code == 0
    assert [path.exists() for path in (earlier, theirs, foreign)] == [False, True, True], "only what was ours goes"


def test_the_python_package_that_it_writes_calls_without_ours(tmp_path: Path) -> None:
    assert ostiary_here("protos", "--output", "protos", "--python", "stubs", cwd=tmp_path).code == 0
    caller = (
        "import sys, ostiary_api.access.v1.access_pb2 as pb, ostiary_api.access.v1.access_pb2_grpc as stubs; "
        "print(pb.__file__, pb.ExchangeApiKeyRequest(api_key='k').api_key, 'ostiary' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", caller], cwd=tmp_path, env={"PYTHONPATH": "stubs"}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert ended.stdout.split() == [str(tmp_path / "stubs/ostiary_api/access/v1/access_pb2.py"), "k", "False"]
