"""Hashes that other systems made with their own software fit the password, and no other."""

from __future__ import annotations

from kit.accounts.foreign_hashes import TAKEN, ForeignHash
from kit.cases import in_one_test

from ostiary.directory.passwords.foreign_hashes import check_hash, hash_matches


@in_one_test("one", TAKEN, lambda one: one.id)
def test_a_hash_fits_its_password(one: ForeignHash) -> None:
    assert hash_matches(check_hash(one.hash), one.password.encode())


@in_one_test("one", list({one.scheme: one for one in TAKEN}.values()), lambda one: one.id)
def test_a_hash_of_each_scheme_fits_no_other_password(one: ForeignHash) -> None:
    assert not hash_matches(check_hash(one.hash), b"another engine")
