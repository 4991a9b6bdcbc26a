"""Rule of an organization for other providers at the platform: which ones sign its members in, and whether people whom
they prove become members."""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.errors import DomainError, invalid
from ostiary.names import email_key
from ostiary.settings.setting import Setting
from ostiary_api.appid.management.v4 import identity_providers_pb2 as pb


@dataclass(frozen=True, slots=True)
class MemberProviders:
    """The providers by name; whether somebody new becomes a member; and the domains of the mail addresses that count,
    in compared form: all of them where there is none."""

    providers: frozenset[str]
    adds_members: bool
    domains: frozenset[str]

    def takes(self, address: str) -> bool:
        """Whether a proved address says who a member is."""
        return not self.domains or _domain(email_key(address)) in self.domains


def check_member_providers(rule: pb.MemberProviders) -> None:
    """Refuses what is no domain, and a rule by which anybody with an account somewhere becomes a member."""
    for domain in rule.domains:
        _compared(domain)
    if rule.add_members and not rule.domains:
        message = "domains is required where addMembers is true: whoever proves an address there becomes a member."
        raise invalid("DOMAINS_MISSING", message)


def _decoded(rule: pb.MemberProviders) -> MemberProviders:
    return MemberProviders(frozenset(rule.providers), rule.add_members, frozenset(map(_compared, rule.domains)))


def _compared(domain: str) -> str:
    try:
        return _domain(email_key(f"any@{domain}"))
    except DomainError as error:
        raise invalid("INVALID_DOMAIN", "domains must hold domains of mail addresses, such as example.com.") from error


def _domain(key: str) -> str:
    return key.rpartition("@")[2]


MEMBER_PROVIDERS = Setting("member_providers", pb.MemberProviders(), check_member_providers, _decoded)
