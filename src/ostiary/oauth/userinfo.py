"""What `/userinfo` answers (OpenID Connect Core §5.3)."""

from __future__ import annotations

from typing import Any

from ostiary.oauth.subjects import Subject, user_info
from ostiary.store.work import Work


def userinfo(work: Work, subject: Subject) -> dict[str, Any]:
    """The claims about a subject as far as they are known, with what each provider said."""
    known = {
        "name": subject.name, "email": subject.email, "preferred_username": subject.preferred_username,
        "given_name": subject.given_name, "family_name": subject.family_name, "picture": subject.picture,
        "gender": subject.gender, "locale": subject.locale,
    }  # fmt: skip
    return {
        "sub": subject.id,
        **{name: value for name, value in known.items() if value},
        "email_verified": subject.email_verified,
        "identities": [
            {"provider": identity.provider, "id": identity.id, "idpUserInfo": user_info(work, identity)}
            for identity in subject.identities
        ],
    }
