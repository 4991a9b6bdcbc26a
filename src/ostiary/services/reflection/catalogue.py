"""Index of what reflection may reveal: the files of the services that are served, and everything in them by its
name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, FileDescriptor, ServiceDescriptor


class Catalogue:
    """The files of `services` and all that these import. What else this process knows is nobody's business.

    What is asked for and does not exist raises KeyError.
    """

    def __init__(self, services: Iterable[ServiceDescriptor]) -> None:
        self._services = sorted(services, key=lambda service: service.full_name)

    @property
    def services(self) -> list[str]:
        """The full names of the services."""
        return [service.full_name for service in self._services]

    def file(self, name: str) -> FileDescriptor:
        """The file with this path: `identity/access/v1/access.proto`."""
        return self._files[name]

    def file_of(self, symbol: str) -> FileDescriptor:
        """Returns the file that declares this full name: a service, method, message, field, oneof, enum, value of an
        enum or extension."""
        return self._symbols[symbol]

    def file_of_extension(self, extended: str, number: int) -> FileDescriptor:
        """Returns the file that declares the extension of this message with this field number."""
        return self._extensions[extended][number]

    def extension_numbers(self, extended: str) -> list[int]:
        """The field numbers of all extensions of a message."""
        if extended not in self._messages:
            raise KeyError(extended)
        return sorted(self._extensions.get(extended, ()))

    @cached_property
    def _files(self) -> dict[str, FileDescriptor]:
        return {file.name: file for service in self._services for file in with_imports(service.file)}

    @cached_property
    def _symbols(self) -> dict[str, FileDescriptor]:
        return {name: file for file in self._files.values() for name in _names(file)}

    @cached_property
    def _messages(self) -> frozenset[str]:
        return frozenset(message.full_name for file in self._files.values() for message in _messages(file))

    @cached_property
    def _extensions(self) -> dict[str, dict[int, FileDescriptor]]:
        found: dict[str, dict[int, FileDescriptor]] = {}
        for file in self._files.values():
            for extension in _extensions(file):
                if extension.containing_type is not None:  # always; the type says otherwise
                    found.setdefault(extension.containing_type.full_name, {})[extension.number] = file
        return found


def with_imports(file: FileDescriptor) -> list[FileDescriptor]:
    """`file` and all that it imports, directly or not, each once and `file` first."""
    found = {file.name: file}
    waiting = [file]
    while waiting:
        for imported in waiting.pop().dependencies:
            if imported.name not in found:
                found[imported.name] = imported
                waiting.append(imported)
    return list(found.values())


def _messages(file: FileDescriptor) -> Iterator[Descriptor]:
    waiting = list(file.message_types_by_name.values())
    while waiting:
        message = waiting.pop()
        yield message
        waiting += message.nested_types


def _enums(file: FileDescriptor) -> Iterator[EnumDescriptor]:
    yield from file.enum_types_by_name.values()
    for message in _messages(file):
        yield from message.enum_types


def _extensions(file: FileDescriptor) -> Iterator[FieldDescriptor]:
    yield from file.extensions_by_name.values()
    for message in _messages(file):
        yield from message.extensions


def _names(file: FileDescriptor) -> Iterator[str]:
    """The full names of everything in a file. A value of an enum is a neighbour of its enum (C++ scoping); the name
    below the enum, which people write, is taken too."""
    for service in file.services_by_name.values():
        yield service.full_name
        yield from (method.full_name for method in service.methods)
    for message in _messages(file):
        yield message.full_name
        yield from (field.full_name for field in message.fields)
        yield from (oneof.full_name for oneof in message.oneofs)
    for enum in _enums(file):
        yield enum.full_name
        for value in enum.values:
            yield f"{enum.full_name}.{value.name}"
            yield f"{enum.full_name.rpartition('.')[0]}.{value.name}".removeprefix(".")
    yield from (extension.full_name for extension in _extensions(file))
