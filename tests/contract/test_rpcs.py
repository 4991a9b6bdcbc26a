"""What holds for every RPC, made from the descriptors: nobody writes these tests for a new operation."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from contract.served import RPCS, Rpc, access_matrix
from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodOptions

from ostiary.directory.roles.built_in import BUILT_IN
from ostiary.directory.roles.permissions import END_USER, PROVISIONER, PROVISIONING_READER, RELYING_PARTY, SIGNED_IN
from ostiary.services.served import SERVICES
from ostiary.transport.rules import Rules
from ostiary_api.options.v1 import rules_pb2 as rules

ROOT = Path(__file__).parents[2]
MANAGEMENT = "identity.appid.management."
DIALECTS = (MANAGEMENT, "identity.csp.", "identity.cloudapi.", "identity.scim.")


def test_every_served_rpc_has_checked_rules() -> None:
    assert len(RPCS) == sum(len(service.descriptor.methods) for service in SERVICES) > 0
    assert all(isinstance(rpc.rules, Rules) for rpc in RPCS)


def test_every_rpc_is_implemented_by_its_servicer() -> None:
    inherited = [
        rpc.name for rpc in RPCS if getattr(rpc.servicer, rpc.descriptor.name).__module__.endswith("_pb2_grpc")
    ]
    assert not inherited, "only the generated base answers these: UNIMPLEMENTED"


def test_every_proto_service_is_served(descriptors: FileDescriptorSet) -> None:
    written = {f"{file.package}.{service.name}" for file in descriptors.file for service in file.service}
    assert written == {service.descriptor.full_name for service in SERVICES}


def test_every_rpc_is_documented(descriptors: FileDescriptorSet) -> None:
    comments = dict(commented_rpcs(descriptors))
    undocumented = [rpc.name for rpc in RPCS if not comments.get(rpc.name, "").strip().endswith(".")]
    assert not undocumented, "each needs a comment of whole sentences"


def commented_rpcs(descriptors: FileDescriptorSet) -> list[tuple[str, str]]:
    """Each RPC with the comment before it; paths as descriptor.proto counts them: 6 services, 2 methods."""
    found = []
    for file in descriptors.file:
        for location in file.source_code_info.location:
            if len(location.path) == 4 and (location.path[0], location.path[2]) == (6, 2):
                service = file.service[location.path[1]]
                name = f"{file.package}.{service.name}/{service.method[location.path[3]].name}"
                found.append((name, location.leading_comments))
    return found


@pytest.fixture(scope="module")
def descriptors(tmp_path_factory: pytest.TempPathFactory) -> FileDescriptorSet:
    """The protos with their comments, compiled anew; only those of this project."""
    target = tmp_path_factory.mktemp("protos") / "descriptors.binpb"
    protos = [str(path.relative_to(ROOT / "proto")) for path in sorted((ROOT / "proto").rglob("*.proto"))]
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-Iproto", "-Ithird_party", "--include_source_info",
         f"--descriptor_set_out={target}", *protos],
        check=True, cwd=ROOT,
    )  # fmt: skip
    return FileDescriptorSet.FromString(target.read_bytes())


def test_every_get_of_a_dialect_only_reads() -> None:
    gets = [rpc for rpc in RPCS if rpc.package.startswith(DIALECTS) and any(verb == "GET" for verb, _ in rpc.routes)]
    assert gets
    assert not [rpc.name for rpc in gets if not reads(rpc)]


HELD = {
    **{name: role.permissions for name, role in BUILT_IN.items()},
    "user": SIGNED_IN, "end_user": END_USER, "relying_party": RELYING_PARTY, "provisioner": PROVISIONER,
    "provisioning_reader": PROVISIONING_READER,
}  # fmt: skip


def test_the_rules_let_in_whom_the_access_matrix_names() -> None:
    let_in = {
        rpc.name: {"anyone"}
        if rpc.rules.need.anonymous
        else {caller for caller, held in HELD.items() if held & rpc.rules.need.permissions}
        for rpc in RPCS
    }
    assert let_in == access_matrix()


ABOUT_NOBODY = {
    "CreateCloudDirectoryUser": "makes somebody new",
    "StartSignUp": "makes somebody new",
    "GetSignUpConfirmationResult": "needs the code of the mail",
    "GetForgotPasswordConfirmationResult": "needs the code of the mail, and changes no password",
    "ImportCloudDirectoryUsers": "takes nobody who is there",
    "ImportAllCloudDirectoryUsers": "takes nobody who is there",
    "ImportUserProfiles": "takes nobody who is there",
    "ExportAllCloudDirectoryUsers": "reads, and only for a Manager",
    "DeleteCloudDirectoryExport": "is about a file",
}
"""RPCs on users or profiles that act on no person who may hold more than the caller, and why."""


def test_whatever_changes_a_person_says_whom() -> None:
    about_people = ("UsersService", "SelfService", "CloudDirectoryTransfer")
    changes = [
        rpc for rpc in RPCS if not reads(rpc)
        and rpc.package.startswith(MANAGEMENT) and any(word in rpc.name for word in about_people)
    ]  # fmt: skip
    unsaid = {rpc.descriptor.name for rpc in changes if rpc.rules.person is None}
    assert unsaid == set(ABOUT_NOBODY)


def test_a_service_account_may_nothing_that_a_reader_may_not() -> None:
    """So its credentials, which a Writer sees, give a Writer nothing."""
    held = BUILT_IN["reader"].permissions
    open_to_it = [rpc for rpc in RPCS if rules.ROLE_SERVICE_ACCOUNT in rpc.rules.roles]
    assert open_to_it
    assert not [rpc.name for rpc in open_to_it if not rpc.rules.need.permissions & held]


def test_whatever_changes_a_tenant_or_gives_tokens_of_the_platform_is_audited() -> None:
    changes = [rpc for rpc in RPCS if rpc.package.startswith(MANAGEMENT) and not reads(rpc)]
    entrances = [rpc for rpc in RPCS if rpc.rules.own_credentials and not rpc.package.startswith("identity.appid.")]
    assert changes
    assert entrances
    assert not [rpc.name for rpc in changes + entrances if not rpc.rules.audit]


def reads(rpc: Rpc) -> bool:
    """Whether the RPC says that it has no side effects."""
    return bool(rpc.descriptor.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS)


def test_no_two_rpcs_share_a_route() -> None:
    routes = Counter(route for rpc in RPCS for route in rpc.routes)
    assert not {route for route, count in routes.items() if count > 1}
