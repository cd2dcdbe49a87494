"""The contract finds out ledgers that break it: each one here is wrong in one way, and one clause must fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ledger_values import ZONE
from test_ledger_contract import LedgerContract

from duban.rules.memory import Alert
from duban.sync.ledger import Cycle, Ledger, LedgerSlots
from duban.sync.ledger.document import parse


class PartialProvesGone(Ledger):
    def commit_cycle(self, cycle: Cycle, **rest: Any) -> Any:
        tables = [replace(read, read="complete") for read in cycle.tables]
        return super().commit_cycle(replace(cycle, tables=tables), **rest)


class ForgetsTheGone(Ledger):
    def memories(self, tables: Any, **rest: Any) -> Any:
        here = {item.ref for table in tables for item in self.items(*table)}
        return {ref: memory for ref, memory in super().memories(tables, **rest).items() if ref in here}


class TwoTransactions(Ledger):
    def commit_cycle(self, cycle: Cycle, **rest: Any) -> Any:
        super().commit_cycle(Cycle(tables=cycle.tables), **rest)
        return super().commit_cycle(replace(cycle, tables=()), **rest)


class NeverAdopts(Ledger):
    def memories(self, tables: Any, **_rest: Any) -> Any:
        return super().memories(tables)


class ShadowIsTold(Ledger):
    def told(self, keys: Any = None, **_rest: Any) -> Any:
        return super().told(keys, shadow=True)


class LosesHalfSent(Ledger):
    def pending_messages(self, **rest: Any) -> Any:
        return [message for message in super().pending_messages(**rest) if message.status == "queued"]


class SendsTwice(Ledger):
    def mark_sending(self, key: str, **rest: Any) -> bool:
        super().mark_sending(key, **rest)
        return True


class ForgetsWhenItWrote(Ledger):
    def outcomes(self, results: Any, **rest: Any) -> None:
        super().outcomes([(id_, "failed", error) for id_, _state, error in results], **rest)


class TrustsWhatItSent(Ledger):
    def close_observed(self, rows: Any, **rest: Any) -> Any:
        verdicts = super().close_observed(rows, **rest)
        return dict.fromkeys(verdicts, "done")


class RenewsAnything(Ledger):
    def renew(self, lease: Any, **rest: Any) -> Any:
        return super().renew(lease, **rest) or lease


class ForgetsAlerts(Ledger):
    def export_state(self) -> Any:
        document = super().export_state()
        return {**document, "items": [{**item, "alert": {"state": Alert().state}} for item in document["items"]]}


class ImportsWhatItCan(Ledger):
    def import_state(self, document: Any, **rest: Any) -> None:
        for item in document["items"]:
            super().import_state({"version": 1, "items": [item]}, **rest)
        parse(document, ZONE)


class LateRelease(LedgerSlots):
    def release(self, limit: Any, slot: int, after: float) -> None:
        with self._database.writing() as connection:
            connection.exec_driver_sql("UPDATE duban_slots SET free_at = ?", (self._clock() + after,))


class ReleasesLate(Ledger):
    def slots(self, clock: Callable[[], float]) -> LedgerSlots:
        return LateRelease(self._database, clock)


@pytest.mark.parametrize(
    ("wrong", "clause", "arguments"),
    [
        (PartialProvesGone, "test_an_incomplete_read_proves_nothing_gone", ["partial"]),
        (ForgetsTheGone, "test_a_gone_row_keeps_its_memory_and_resumes", []),
        (TwoTransactions, "test_a_naive_time_is_refused_and_nothing_is_kept", []),
        (NeverAdopts, "test_a_state_known_by_its_code_waits_for_its_row", []),
        (ShadowIsTold, "test_what_was_only_shown_is_told_when_the_table_goes_live", []),
        (LosesHalfSent, "test_what_a_crash_left_half_sent_is_sent_again", []),
        (SendsTwice, "test_sending", []),
        (ForgetsWhenItWrote, "test_a_judgement_does_not_undo_when_a_row_was_written", []),
        (TrustsWhatItSent, "test_open_intents_are_closed_by_what_is_read", []),
        (RenewsAnything, "test_a_lease_has_one_holder", []),
        (ForgetsAlerts, "test_export_and_import_are_lossless", []),
        (ImportsWhatItCan, "test_every_mistake_is_named_and_nothing_is_imported", []),
        (ReleasesLate, "test_a_frozen_key_stays_frozen_through_a_release", []),
    ],
)
def test_a_wrong_ledger_fails(wrong: type[Ledger], clause: str, arguments: list[Any]) -> None:
    contract = LedgerContract()
    getattr(contract, clause)(lambda: Ledger.open("sqlite://", zone=ZONE), *arguments)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(contract, clause)(lambda: wrong.open("sqlite://", zone=ZONE), *arguments)


