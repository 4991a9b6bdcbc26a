"""Hashes that other systems made with their own software fit the password, and no other."""

from __future__ import annotations

from kit.accounts.foreign_hashes import TAKEN, ForeignHash
from kit.cases import in_one_test

from ostiary.directory.passwords.foreign_hashes import check_hash, hash_matches


@in_one_test("one", TAKEN, lambda one: one.id)
def test_a_hash_fits_its_password_and_no_other(one: ForeignHash) -> None:
    stored = check_hash(one.hash)
    assert hash_matches(stored, one.password.encode())
    assert not hash_matches(stored, b"another engine")
