"""The daemon when its ledger does not take notes, and when it is stopped while it waits."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from duban.errors import Interrupted, StateError
from duban.sync.daemon import Beat, Outcome
from duban.sync.ledger import Due
from duban.sync.turns import turns
from tests.sync.test_daemon import START, Times, World, daemon, until


class Locked(Times):
    """A ledger that another program has locked."""

    def set_schedule(self, source: str, due: Due) -> None:
        raise StateError("the ledger is locked by another program; close it")


def test_a_locked_ledger_does_not_end_the_loop_and_costs_no_cycle(caplog: pytest.LogCaptureFixture) -> None:
    world, gate = World(), threading.Event()
    world.behave = {"slow": lambda: Outcome(gate.wait(10), "complete", {})}
    try:
        made, thread = daemon(world, [Beat("slow", 60), Beat("good", 60)], Locked())
        until(lambda: world.count("slow") == 1 and world.count("good") == 1)
        world.now = START + timedelta(minutes=1, seconds=1)
        until(lambda: made.skipped >= 1 and world.count("good") == 2)
        world.now = START - timedelta(hours=5)  # the guard writes too
        until(lambda: world.count("good") == 3)
        assert thread.is_alive()
    finally:
        gate.set()
        world.stop.set()
    assert any("the ledger is locked" in record.getMessage() for record in caplog.records)


def test_a_stop_while_waiting_for_another_run_is_an_interruption(tmp_path: Path) -> None:
    ledger, stop = tmp_path / "ledger.db", threading.Event()
    stop.set()
    with turns(ledger, threading.Event())(), pytest.raises(Interrupted), turns(ledger, stop)():
        raise AssertionError("two runs at once")
