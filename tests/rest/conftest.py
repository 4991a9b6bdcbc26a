"""The gateway alone, for the tests of a module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest.dialects import compile_descriptors
from rest.edge import Edge

from ostiary.gateway.operations import Interface, read_interface


@pytest.fixture(scope="module")
def descriptors(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return compile_descriptors(tmp_path_factory.mktemp("protos"))


@pytest.fixture(scope="module")
def interface(descriptors: bytes) -> Interface:
    return read_interface(descriptors)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, descriptors: bytes, interface: Interface) -> Iterator[Callable]:
    """Opens further edges; all of them close with the module."""
    edges: list[Edge] = []

    def open_one(**given: Any) -> Edge:
        edges.append(Edge(tmp_path_factory.mktemp("edge"), descriptors, interface, **given))
        return edges[-1]

    yield open_one
    for edge in edges:
        edge.close()


@pytest.fixture(scope="module")
def edge(opened: Callable[..., Edge]) -> Edge:
    return opened()
