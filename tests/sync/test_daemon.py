"""The daemon with a clock of its own: nothing starves, nothing overlaps, nothing ends the loop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from duban.errors import Unavailable
from duban.sync.daemon import Beat, Daemon, Outcome
from duban.sync.ledger import Due

START = datetime(2024, 7, 24, 2, 0, tzinfo=UTC)


class Times:
    """When sources are due, in memory."""

    def __init__(self, kept: dict[str, Due] | None = None) -> None:
        self.kept = dict(kept or {})

    def schedule(self) -> dict[str, Due]:
        return dict(self.kept)

    def set_schedule(self, source: str, due: Due) -> None:
        self.kept[source] = due


class World:
    """A clock that tests move, and cycles that are counted."""

    def __init__(self) -> None:
        self.now, self.ran, self.stop = START, list[tuple[str, datetime]](), threading.Event()
        self.running, self.overlaps, self.lock = set[str](), 0, threading.Lock()
        self.behave: dict[str, Callable[[], Outcome]] = {}

    def clock(self) -> datetime:
        return self.now

    def cycle(self, source: str, now: datetime) -> Outcome:
        with self.lock:
            self.overlaps += source in self.running
            self.running.add(source)
            self.ran.append((source, now))
        try:
            return self.behave.get(source, lambda: Outcome(True, "complete", {"items": 1}))()
        finally:
            with self.lock:
                self.running.discard(source)

    def count(self, source: str) -> int:
        return sum(1 for name, _ in self.ran if name == source)


def daemon(world: World, beats: list[Beat], times: Times | None = None) -> tuple[Daemon, threading.Thread]:
    made = Daemon(beats, world.cycle, times or Times(), clock=world.clock, stop=world.stop, tick=0.002, spread=0)
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    return made, thread


def until(condition: Callable[[], bool]) -> None:
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.002)
    raise AssertionError("it never happened")


def quiet(world: World) -> None:
    """Let the daemon look a few times."""
    for _ in range(10):
        time.sleep(0.003)


@pytest.fixture
def world():
    made = World()
    yield made
    made.stop.set()


def test_every_source_has_its_own_interval(world: World) -> None:
    _, thread = daemon(world, [Beat("fast", 60), Beat("slow", 300)])
    until(lambda: world.count("fast") == 1 and world.count("slow") == 1)
    for minute in range(1, 6):
        world.now = START + timedelta(minutes=minute, seconds=1)
        until(lambda wanted=minute + 1: world.count("fast") == wanted)
    until(lambda: world.count("slow") == 2)
    world.stop.set()
    thread.join(5)
    assert not thread.is_alive()
    assert (world.count("fast"), world.count("slow"), world.overlaps) == (6, 2, 0)


def test_a_failing_source_starves_nobody_and_is_asked_less_often(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> Outcome:
        raise Unavailable("the server did not answer")

    def crash() -> Outcome:
        raise ZeroDivisionError

    world.behave = {"down": fail, "buggy": crash}
    with caplog.at_level(logging.INFO, "duban.daemon"):
        daemon(world, [Beat("down", 60), Beat("buggy", 60), Beat("good", 60)])
        for minute in range(8):
            world.now = START + timedelta(minutes=minute, seconds=minute)
            until(lambda wanted=minute + 1: world.count("good") == wanted)
    assert world.count("buggy") == 8
    assert 2 <= world.count("down") <= 4, "60 s, then 120, 240 …"
    assert any("the server did not answer" in record.getMessage() for record in caplog.records)


def test_a_slow_cycle_never_overlaps_itself(world: World) -> None:
    gate = threading.Event()
    world.behave = {"slow": lambda: Outcome(gate.wait(10), "complete", {})}
    made, _ = daemon(world, [Beat("slow", 60), Beat("other", 60)])
    until(lambda: world.count("slow") == 1 and world.count("other") == 1)
    for minute in range(1, 4):
        world.now = START + timedelta(minutes=minute, seconds=minute)
        until(lambda wanted=minute + 1: world.count("other") == wanted)
    until(lambda: made.skipped >= 1)
    assert (world.count("slow"), world.overlaps) == (1, 0)
    gate.set()
    world.now = START + timedelta(minutes=10)
    until(lambda: world.count("slow") == 2)


def test_missed_slots_run_once(world: World) -> None:
    times = Times({"a": Due(START - timedelta(hours=9), START - timedelta(hours=10), 0)})
    daemon(world, [Beat("a", 60)], times)
    until(lambda: world.count("a") == 1)
    quiet(world)
    assert world.count("a") == 1, "nine hours of missed slots are one cycle"


def test_what_is_not_yet_due_after_a_restart_waits(world: World) -> None:
    times = Times({"a": Due(START + timedelta(seconds=30))})
    daemon(world, [Beat("a", 60)], times)
    quiet(world)
    assert world.count("a") == 0
    world.now = START + timedelta(seconds=31)
    until(lambda: world.count("a") == 1)


def test_a_clock_set_back_silences_nobody(world: World) -> None:
    daemon(world, [Beat("a", 60)])
    until(lambda: world.count("a") == 1)
    world.now = START - timedelta(hours=1)
    until(lambda: world.count("a") == 2)


def test_stopping_waits_for_the_running_cycle(world: World) -> None:
    gate = threading.Event()
    world.behave = {"a": lambda: Outcome(gate.wait(10), "complete", {})}
    times = Times()
    _, thread = daemon(world, [Beat("a", 60)], times)
    until(lambda: world.count("a") == 1)
    world.stop.set()
    thread.join(0.05)
    assert thread.is_alive()
    gate.set()
    thread.join(5)
    assert not thread.is_alive()
    assert times.kept["a"].last_ok == START
