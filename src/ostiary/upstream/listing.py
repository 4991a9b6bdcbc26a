"""List of all identity providers of a tenant."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from ostiary.directory.users.cloud_directory import CLOUD_DIRECTORY
from ostiary.keys.sealing import Sealing
from ostiary.store.tenancy import TenantView
from ostiary.store.work import Work
from ostiary.upstream.custom import CUSTOM
from ostiary.upstream.saml import SAML
from ostiary.upstream.social import SOCIAL


def identity_providers(work: Work, tenant: TenantView, sealing: Sealing | None) -> list[dict[str, Any]]:
    """Returns each provider with its name, whether it is active, and its settings; secrets only with a `sealing` to
    open them."""
    documents: dict[str, Message] = {
        name: setting.opened(work, sealing, tenant.id) if sealing else setting.read(work, tenant)
        for name, setting in SOCIAL.items()
    }
    documents["cloud_directory"] = CLOUD_DIRECTORY.read(work, tenant)
    documents["saml"] = SAML.read(work, tenant)
    documents["custom"] = CUSTOM.read(work, tenant)
    return [
        {"idpName": name, **MessageToDict(document, always_print_fields_with_no_presence=True)}
        for name, document in documents.items()
    ]
