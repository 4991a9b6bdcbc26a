"""Claims that do not fit into a token: they are left out, `ovc` names them, and `ovl` is the address that tells them
(both as in VMware Identity Service). So every token can be sent in a header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MOST_PERMS_BYTES = 4_096
"""The most bytes of the roles in an access token, as JSON. With the other claims, the signature and the growth by
base64 it stays below the 8 KiB that servers and proxies take as one header when nobody has told them more."""
MOST_GROUPS_BYTES = 24_576
"""The most bytes of the groups in an identity token. Applications keep these, and send them here only, where a request
has 60 KiB of headers."""


def fitting(claims: Mapping[str, Any], most_bytes: int, told_at: str) -> dict[str, Any]:
    """The claims; where they have more than `most_bytes` together, their names, and where they are told."""
    size = len(json.dumps(claims, ensure_ascii=False).encode())
    return dict(claims) if size <= most_bytes else by_reference(claims, told_at)


def by_reference(names: Mapping[str, Any], told_at: str) -> dict[str, Any]:
    """What a token says in place of claims that are left out."""
    return {"ovc": list(names), "ovl": told_at}
