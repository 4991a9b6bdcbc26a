"""The page docs/role-matrix.md: who may call each operation of the Identity Service and the Tenant Manager."""

from __future__ import annotations

from contract.served import RPCS

from ostiary.transport.role_matrix import ANONYMOUS, ROLES, role_matrix

ABOUT = """\
# Role matrix

Which role may call which operation of the VMware Identity Service and the Tenant Manager, written by `make operations`
from the rules beside the RPCs; `ostiary routes --matrix` prints the same. A test asks a server, over REST and native
gRPC, on both databases, as a caller of each role; also as those whom no role helps: members of other organizations, the
owner of the organization above, deactivated users, revoked tokens, applications that are no service account.

`oneself`: where the call acts on nobody but the caller. An operator's and a service account's cells hold for every
organization and for its own. Where everybody may call without a token, everybody with one may, too.

"""


def matrix_page() -> str:
    """The whole page."""
    columns = (*ROLES.values(), ANONYMOUS)
    lines = [
        f"| {row.number} | {row.verb} | `{row.path}` | {' | '.join(row.cells[name] for name in columns)} |"
        for row in role_matrix(rpc.rules for rpc in RPCS)
    ]
    head = f"| | verb | path | {' | '.join(columns)} |\n|{' --- |' * (len(columns) + 3)}\n"
    return ABOUT + head + "\n".join(lines) + "\n"
