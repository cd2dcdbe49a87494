"""The ledger's contract on SQLite, in a file and in memory, and on PostgreSQL where DUBAN_TEST_PG names a database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count

import pytest
from ledger_contract import IntentContract, MemoryContract, MirrorContract, OutboxContract
from ledger_exchange_contract import ExchangeContract
from ledger_past_contract import PastContract
from ledger_running_contract import RunningContract, SlotContract
from ledger_values import ZONE, Make
from sqlalchemy import create_engine, text

from duban.sync.ledger import Ledger

POSTGRESQL = os.environ.get("DUBAN_TEST_PG", "")


class LedgerContract(
    MirrorContract, MemoryContract, IntentContract, OutboxContract, RunningContract, SlotContract, ExchangeContract,
    PastContract,
):
    """All of it."""


class TestOnSqlite(LedgerContract):
    @pytest.fixture
    def make(self, tmp_path) -> Make:
        numbers = count()
        return lambda: Ledger.open(f"sqlite:///{tmp_path}/{next(numbers)}.db", zone=ZONE)


class TestInMemory(LedgerContract):
    @pytest.fixture
    def make(self) -> Make:
        return lambda: Ledger.open("sqlite://", zone=ZONE)


@pytest.mark.skipif(not POSTGRESQL, reason="DUBAN_TEST_PG names no PostgreSQL database")
class TestOnPostgresql(LedgerContract):
    @pytest.fixture
    def make(self) -> Iterator[Make]:
        """Every ledger is a schema of its own, which a connection finds by its search path."""
        numbers, admin = count(), create_engine(POSTGRESQL, isolation_level="AUTOCOMMIT")
        made: list[str] = []

        def make() -> Ledger:
            name = f"duban_test_{os.getpid()}_{next(numbers)}"
            made.append(name)
            with admin.connect() as connection:
                connection.execute(text(f"CREATE SCHEMA {name}"))
            return Ledger.open(f"{POSTGRESQL}?options=-csearch_path%3D{name}", zone=ZONE)

        yield make
        with admin.connect() as connection:
            for name in made:
                connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
        admin.dispose()
