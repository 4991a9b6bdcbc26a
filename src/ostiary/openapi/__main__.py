"""`python -m ostiary.openapi DESCRIPTORS OUTPUT`, run by `make gen`: writes the document.

DESCRIPTORS is a FileDescriptorSet with source information, where the comments are; its generated modules are imported.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from ostiary.access.limits import read_limits
from ostiary.config import deploy_folder
from ostiary.openapi.comments import Comments
from ostiary.openapi.document import document
from ostiary.openapi.schemas import DescriptionError
from ostiary.transport.rules import RulesError, read_rules


def main(descriptors: str, output: str) -> None:
    """Exits with what must be mended where a proto says too little."""
    files = FileDescriptorSet.FromString(Path(descriptors).read_bytes())
    modules = [
        importlib.import_module("ostiary_api." + path.removesuffix(".proto").replace("/", ".") + "_pb2")
        for file in files.file
        if (path := file.name.removeprefix("identity/")) != file.name
    ]
    services = [service for module in modules for service in module.DESCRIPTOR.services_by_name.values()]
    try:
        rules = read_rules(services, read_limits(deploy_folder() / "limits.toml").coarse)
        made = document(services, rules, Comments(files))
    except (RulesError, DescriptionError) as fault:
        sys.exit(f"openapi: {fault}")
    Path(output).write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


main(*sys.argv[1:])
