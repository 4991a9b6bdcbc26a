"""What the protos say to generators of other languages: every file, by one rule, and no class or file written twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from kit.cases import in_one_test

import ostiary_api

SET = FileDescriptorSet.FromString((Path(ostiary_api.__file__).parent / "descriptors.binpb").read_bytes())
FILES = [file for file in SET.file if file.package.startswith("identity.")]
GO_MODULE = "ostiary.internal"


def camel(text: str, by: str) -> list[str]:
    return [part.capitalize() for part in text.split(by)]


def wanted(file: FileDescriptorProto) -> dict[str, Any]:
    """The options of a file, which follow from its package and its name."""
    parts, package = camel(file.package, "."), file.package.split(".")
    stem = "".join(camel(Path(file.name).stem, "_"))
    return {
        "csharp_namespace": ".".join(["Ostiary", *parts]),
        "go_package": f"{GO_MODULE}/{'/'.join(package)};{''.join(package[-2:])}",
        "java_multiple_files": True,
        "java_outer_classname": f"{stem}Proto",
        "java_package": f"ostiary.{file.package}",
        "objc_class_prefix": f"OST{''.join(parts[1:])}",
        "php_namespace": "\\".join(["Ostiary", *parts]),
        "ruby_package": "::".join(["Ostiary", *parts]),
    }


@in_one_test("file", FILES, lambda file: file.name)
def test_every_file_says_how_it_is_called_in_other_languages(file: FileDescriptorProto) -> None:
    assert {name: getattr(file.options, name) for name in wanted(file)} == wanted(file)


@pytest.mark.parametrize("option", ["csharp_namespace", "go_package", "java_package", "objc_class_prefix"])
def test_no_two_packages_share_a_name_in_another_language(option: str) -> None:
    named = {(file.package, getattr(file.options, option)) for file in FILES}
    assert max(Counter(name for _, name in named).values()) == 1


def test_no_class_of_java_or_objective_c_is_written_twice() -> None:
    java = [
        f"{file.options.java_package}.{name}"
        for file in FILES
        for name in (
            file.options.java_outer_classname,
            *(message.name for message in file.message_type),
            *(enum.name for enum in file.enum_type),
            *(f"{service.name}Grpc" for service in file.service),
        )
    ]
    assert [name for name, times in Counter(java).items() if times > 1] == []


def test_no_two_files_of_csharp_have_one_name_since_protoc_puts_all_into_one_folder() -> None:
    written = ["".join(camel(Path(file.name).stem, "_")) for file in SET.file]
    assert [name for name, times in Counter(written).items() if times > 1] == []
