"""The route table gives every declared path its own traits, however the paths lie; and no other path more than it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.gateway.operations import GatewayError, Operation, declared_interface
from ostiary.gateway.render import OTHERWISE, Gateway, render
from ostiary.gateway.routes import Route, Traits, route_table, tree_of
from ostiary.gateway.templates import segments_of, shown, variables_of
from ostiary_api.options.v1 import rules_pb2 as options

FAMILIES = [options.ERROR_FAMILY_APPID, options.ERROR_FAMILY_OAUTH, options.ERROR_FAMILY_SCIM]


def operation(path: str, verb: str = "GET", **given: object) -> Operation:
    defaults = {"family": options.ERROR_FAMILY_APPID, "cors": False, "cacheable": False, "repeatable": verb == "GET"}
    return Operation(rpc=f"/x.Y/{verb}{path}", verb=verb, path=path, bound=frozenset(), **{**defaults, **given})


def traits_at(table: list[Route], path: str) -> Traits:
    """What Envoy would find: the first entry that matches."""
    return next(route.traits for route in table if matches(route, path))


def matches(route: Route, path: str) -> bool:
    if not route.segments:
        return route.subtree or path == "/"
    if route.literal and route.subtree:
        return path == route.literal or path.startswith(f"{route.literal}/")
    return re.fullmatch(route.pattern, path) is not None


def filled(path: str) -> str:
    """A path that only this template matches."""
    return re.sub(r"\{[^}]*\}", "some-value", path)


SEGMENTS = st.sampled_from(["a", "b", "users", "{id}", "{id}:lock", "export"])
PATHS = st.lists(SEGMENTS, min_size=1, max_size=5).map(lambda segments: "/" + "/".join(segments))
OPERATIONS = st.lists(
    st.builds(
        lambda path, verb, family, cors, public, repeatable: operation(
            path, verb, family=family, cors=cors, cacheable=verb == "GET" and public,
            repeatable=verb == "GET" and repeatable,
        ),
        PATHS, st.sampled_from(["GET", "PUT"]), st.sampled_from(FAMILIES), st.booleans(), st.booleans(), st.booleans(),
    ),
    min_size=1, max_size=12, unique_by=lambda each: shown(segments_of(each.path)),
)  # fmt: skip


@given(OPERATIONS)
def test_every_declared_path_has_its_own_traits(operations: list[Operation]) -> None:
    tree = tree_of(operations)
    table = route_table(tree, OTHERWISE)
    for place in tree.everything():
        for path in {filled(each.path) for each in place.operations.values()}:
            found = traits_at(table, path)
            assert found.suits(place.traits), (path, found, place.traits)
            assert found.cors == place.traits.cors
            assert bool(found.cacheable) <= bool(place.traits.cacheable) or place.traits.cacheable is None


@given(OPERATIONS)
def test_no_undeclared_path_is_open_to_other_origins_or_caches(operations: list[Operation]) -> None:
    table = route_table(tree_of(operations), OTHERWISE)
    for each in operations:
        found = traits_at(table, f"{filled(each.path)}/not-declared/at-all/by/any/of/them")
        assert found == found.closed


def test_paths_that_are_alike_collapse_into_one_prefix() -> None:
    paths = [f"/management/v4/{{tenant}}/config/{name}" for name in ("a", "b", "c", "{d}/e")]
    table = route_table(
        tree_of([*map(operation, paths), operation("/oauth", "PUT", family=options.ERROR_FAMILY_OAUTH)]), OTHERWISE
    )
    assert [(route.literal, route.traits.repeatable) for route in table] == [
        ("/management", True), ("/oauth", None), ("/", None),
    ]  # fmt: skip


def test_an_exception_stands_before_the_rule() -> None:
    paths = [operation("/a/{x}"), operation("/a/{x}/y"), operation("/a/{x}/z", repeatable=False)]
    table = route_table(tree_of(paths), OTHERWISE)
    assert [(route.literal or route.pattern, route.traits.repeatable) for route in table] == [
        ("/a/[^/]+/z(/.*)?", False), ("/a", True), ("/", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("template", "pattern", "variables", "log"),
    [
        ("/a/{b}", "/a/[^/]+", ("b",), "/a/{}"),
        ("/a/{b.c}/d", "/a/[^/]+/d", ("b.c",), "/a/{}/d"),
        ("/a/{b}:lock", "/a/[^/]+:lock", ("b",), "/a/{}:lock"),
        ("/a/{b=**}", "/a/.+", ("b",), "/a/{}"),
        ("/a/internal:x", "/a/internal:x", (), "/a/internal:x"),
        ("/1.0.0/{b=users/*}", r"/1\.0\.0/users/[^/]+", ("b",), "/1.0.0/users/{}"),
    ],
)
def test_templates(template: str, pattern: str, variables: tuple[str, ...], log: str) -> None:
    segments = segments_of(template)
    assert "".join(f"/{segment.pattern}" for segment in segments) == pattern
    assert variables_of(template) == variables
    assert shown(segments) == log


def test_the_descriptors_of_this_release_make_a_configuration() -> None:
    interface = declared_interface()
    table = route_table(tree_of(interface.operations), OTHERWISE)
    for each in interface.operations:
        found = traits_at(table, filled(each.path))
        assert (found.cors, bool(found.repeatable)) >= (each.cors, each.repeatable), each
    assert len(table) < len(interface.operations) / 2, "the table does not collapse"


def test_a_host_name_to_listen_on_is_refused() -> None:
    interface = declared_interface()
    with pytest.raises(ValueError, match="HOST:PORT"):
        render(Gateway("nonsense", []), interface)


def test_verbs_that_disagree_about_their_path_are_refused() -> None:
    from ostiary.gateway.operations import _disagreements

    given = [operation("/a", "GET", cors=True), operation("/a", "PUT")]
    assert "share /a" in "".join(_disagreements(given))
    assert list(_disagreements([operation("/a", "GET"), operation("/a", "PUT")])) == []
    assert issubclass(GatewayError, Exception)
