"""A password sign-in in its three steps, as every way in takes them."""

from __future__ import annotations

from ostiary.directory.signin.admission import SignedIn
from ostiary.runtime import Runtime
from ostiary.store.tenancy import TenantView


def sign_in(runtime: Runtime, tenant: TenantView, login: str, password: str, *, platform: bool = False) -> SignedIn:
    with runtime.store.read() as work:
        known = runtime.directory.sign_in.look_up(work, tenant, login, at_platform=platform)
    proved = runtime.directory.sign_in.prove(known, password)
    with runtime.store.write() as work:
        return runtime.directory.sign_in.admit(work, proved)
