"""Comments of the protos, which are the texts of the document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet


class Comments:
    """Comments by full name. `files` must have been compiled with their source information."""

    def __init__(self, files: FileDescriptorSet) -> None:
        self._texts: dict[str, str] = {}
        for file in files.file:
            for location in file.source_code_info.location:
                if location.leading_comments and (name := _name_at(file, location.path)):
                    self._texts[name] = _text(location.leading_comments)

    def of(self, full_name: str) -> str:
        """The whole comment; empty without one."""
        return self._texts.get(full_name, "")

    def parts(self, full_name: str) -> tuple[str, str]:
        """The first sentence without its dot, and all that follows."""
        text = self.of(full_name)
        paragraph, _, _ = text.partition("\n\n")
        sentence, dot, _ = paragraph.replace("\n", " ").partition(". ")
        rest = text[len(sentence) + len(dot or ".") :].strip()
        return sentence.removesuffix("."), rest


def _text(comment: str) -> str:
    return "\n".join(line.removeprefix(" ").rstrip() for line in comment.strip().split("\n"))


def _name_at(file: FileDescriptorProto, path: Sequence[int]) -> str:
    """Returns the full name of the element at a path of descriptor.proto; empty for one without a name, such as an
    option."""
    if len(path) % 2:
        return ""
    names = [file.package]
    at: Any = file
    for number, index in zip(path[::2], path[1::2], strict=True):
        field = at.DESCRIPTOR.fields_by_number[number]
        if not field.is_repeated or field.message_type is None or "name" not in field.message_type.fields_by_name:
            return ""
        at = getattr(at, field.name)[index]
        names.append(at.name)
    return ".".join(names)
