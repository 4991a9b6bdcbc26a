"""Facts about the installation itself."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from ostiary.store.schema import SchemaError
from ostiary.store.tables import Fact, table_of
from ostiary.store.work import Work

MASTER_KEY = "master_key"
"""The id of the master key that seals this store: a server that holds another one must not start."""

_FACTS = table_of(Fact)
_FIND = select(_FACTS.c.value).where(_FACTS.c.name == bindparam("name"))


def read_fact(work: Work, name: str) -> str | None:
    """The fact of this name, or None when it was never recorded."""
    row = work.row(_FIND, {"name": name})
    return row.value if row else None


def check_installed(work: Work) -> str:
    """The id of the master key that seals this store; raises SchemaError when nothing was installed in it."""
    sealed_with = read_fact(work, MASTER_KEY)
    if sealed_with is None:
        raise SchemaError("this store holds no installation: run `ostiary init`")
    return sealed_with


def record_fact(work: Work, name: str, value: str) -> None:
    """Records a fact, over an older one of the same name."""
    fact = {"name": name, "value": value}
    work.run(work.insert(_FACTS).values(fact).on_conflict_do_update(index_elements=["name"], set_={"value": value}))
