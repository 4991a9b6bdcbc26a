"""Answer of `/userinfo` (OpenID Connect Core §5.3)."""

from __future__ import annotations

from typing import Any

from ostiary.directory.users.users import with_contacts
from ostiary.oauth.claims.app_claims import known_claims
from ostiary.oauth.claims.standard_claims import directory_claims
from ostiary.oauth.claims.subjects import Subject, said_of
from ostiary.store.work import Work


def userinfo(work: Work, subject: Subject) -> dict[str, Any]:
    """The claims about a subject as far as they are known, with what each provider said; nothing is null."""
    user = with_contacts(work, subject.user) if subject.user else None
    directory = directory_claims(user) if user else {}
    further = {name: value for name, value in {**subject.said, **directory}.items() if value != ""}
    return {
        "sub": subject.id,
        **further,
        **known_claims(subject),
        "identities": [
            {
                "provider": identity.provider, "id": identity.id,
                "idpUserInfo": said_of(identity, user if identity.user else None),
            }
            for identity in subject.identities
        ],
    }  # fmt: skip
