"""Every statement of the ledger is also one of PostgreSQL."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest
from ledger_values import ZONE
from sqlalchemy import Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable
from test_ledger_contract import LedgerContract

import duban.sync.ledger as package
from duban.sync.ledger import Ledger
from duban.sync.ledger.schema import metadata
from duban.sync.ledger.upsert import Upsert

DIALECTS = [postgresql.dialect(), sqlite.dialect()]


def upserts() -> list[Upsert]:
    modules = [importlib.import_module(f"duban.sync.ledger.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    found = {id(value): value for module in modules for value in vars(module).values() if isinstance(value, Upsert)}
    return list(found.values())


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_tables_and_upserts_compile(dialect) -> None:
    for table in metadata.sorted_tables:
        assert "CREATE TABLE duban_" in str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            assert "CREATE INDEX duban_" in str(CreateIndex(index).compile(dialect=dialect))
    assert len(upserts()) >= 12
    for upsert in upserts():
        sql = str(upsert.statement(dialect.name).compile(dialect=dialect))
        assert "ON CONFLICT (" in sql
        assert ("DO UPDATE SET" in sql) == bool(upsert.sets)


def test_types_are_those_that_are_exact_on_both() -> None:
    kinds = {
        str(column.type.compile(dialect=DIALECTS[0])) for table in metadata.sorted_tables for column in table.columns
    }
    assert kinds == {
        "TEXT", "VARCHAR(32)", "VARCHAR(16)", "VARCHAR(10)", "INTEGER", "BIGINT", "BOOLEAN", "BYTEA",
        "DOUBLE PRECISION", "TIMESTAMP WITH TIME ZONE",
    }  # fmt: skip


def test_every_statement_that_the_contract_runs_compiles_for_postgresql() -> None:
    seen: dict[str, object] = {}
    made = 0

    def make() -> Ledger:
        nonlocal made
        made += 1
        ledger = Ledger.open("sqlite://", zone=ZONE)
        event.listen(ledger._database.engine, "before_execute", lambda _c, s, _m, _p, _o: seen.setdefault(str(s), s))
        assert ledger.pending() == ()
        return ledger

    contract = LedgerContract()
    for name in dir(contract):
        test = getattr(contract, name)
        if name.startswith("test_") and list(inspect.signature(test).parameters) == ["make"]:
            test(make)
    plain = [s for s in seen.values() if not isinstance(s, sqlite.Insert)]
    touched = {t.name for s in seen.values() for t in _tables_of(s)}
    assert made >= 30
    assert len(plain) > 50
    assert touched >= {table.name for table in metadata.sorted_tables}
    for statement in plain:
        assert statement.compile(dialect=DIALECTS[0]) is not None  # type: ignore[attr-defined]


def _tables_of(statement: object) -> set[Table]:
    if isinstance(statement, sqlite.Insert):
        return {statement.table}  # type: ignore[arg-type]
    return {table for table in metadata.sorted_tables if table.name in str(statement)}
