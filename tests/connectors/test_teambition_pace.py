"""Writing to Teambition at full speed: the limit, side by side, stopping, and people who write at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pytest
from teambition_double import Double, QuickPace, double

from duban.connectors.base import Cell, Receipt, Schema, Write
from duban.connectors.teambition import TeambitionConnector
from duban.connectors.teambition.writing import WRITERS
from duban.errors import Interrupted, Unavailable
from duban.sandbox.server import Reply, Request

UPDATE = "customfield/update"


@pytest.fixture
def tb() -> Iterator[Double]:
    with double() as made:
        yield made


def ids_of(schema: Schema) -> dict[str, str]:
    return {column.name: column.id for column in schema.columns}


def push(connector: TeambitionConnector, *writes: tuple[str, Mapping[str, Cell]]) -> list[Receipt]:
    """Push cells given by heading."""
    schema = connector.describe("tasks")
    ids = ids_of(schema)
    ready = [Write(record, {ids[name]: cell for name, cell in cells.items()}) for record, cells in writes]
    return list(connector.push("tasks", schema, ready))


def read(tb: Double, task: str, heading: str) -> Any:
    return tb.project.row(task)[heading]


# --- speed


def test_the_limit_is_kept_at_full_speed(tb: Double) -> None:
    """The service's wire clock and the pace's slots both run ``speed`` times as fast as the machine's."""
    tb.project.add_field("预警内容")
    tasks = [tb.project.add_task({"标题": f"t{number}"}) for number in range(360)]
    pace = QuickPace(speed=5.0)
    tb.service.meter.limit = 40
    tb.service.wire_clock = _Running(5.0)  # type: ignore[assignment]
    connector = tb.connector(pace)
    receipts = push(connector, *((task, {"预警内容": "x"}) for task in tasks))
    assert {receipt.outcome for receipt in receipts} == {"written"}
    assert connector.traffic.refused == 0
    assert connector.traffic.write == 360
    assert [entry.status for entry in tb.service.requests(UPDATE)] == [200] * 360


def test_without_the_limiter_the_service_refuses(tb: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same run without slots is refused: the test above has power."""
    monkeypatch.setattr("duban.connectors.teambition.api.PER_ENDPOINT", 1_000)
    tb.project.add_field("预警内容")
    tasks = [tb.project.add_task({"标题": f"t{number}"}) for number in range(60)]
    tb.service.meter.limit = 40
    connector = tb.connector(QuickPace())
    with suppress(Unavailable):
        push(connector, *((task, {"预警内容": "x"}) for task in tasks))
    assert connector.traffic.refused > 0


class _Running:
    """A clock that runs faster than the machine's, from the machine's now on."""

    def __init__(self, speed: float) -> None:
        self._speed, self._from, self._at = speed, time.monotonic(), time.time()

    def now(self) -> float:
        return self._at + (time.monotonic() - self._from) * self._speed


def test_rows_are_written_side_by_side(tb: Double) -> None:
    """All writers stand in the service at once: each waits there until the others have come."""
    tb.project.add_field("预警内容")
    tasks = [tb.project.add_task({"标题": f"t{number}"}) for number in range(WRITERS)]
    together = threading.Barrier(WRITERS, timeout=5)
    answer = tb.service.answer

    def meet(request: Request) -> Any:
        if UPDATE in request.path:
            together.wait()
        return answer(request)

    tb.service.answer = meet  # type: ignore[method-assign]
    receipts = push(tb.connector(), *((task, {"预警内容": "x"}) for task in tasks))
    assert [receipt.outcome for receipt in receipts] == ["written"] * WRITERS


# --- stopping


def test_a_wish_to_stop_ends_the_push_between_two_calls(tb: Double) -> None:
    tb.project.add_field("预警内容")
    tasks = [tb.project.add_task({"标题": f"t{number}"}) for number in range(300)]
    stop = threading.Event()
    connector = tb.connector(QuickPace(stop=stop))
    schema = connector.describe("tasks")
    own = ids_of(schema)["预警内容"]
    real, seen = tb.service.handle, []

    def handle(request: Request) -> Reply:
        seen.append(request.path)
        if len(seen) == 20:
            stop.set()
        return real(request)

    tb.service.handle = handle  # type: ignore[method-assign]
    with pytest.raises(Interrupted):
        list(connector.push("tasks", schema, [Write(task, {own: "x"}) for task in tasks]))
    assert len(seen) <= 20 + WRITERS
    assert not [thread for thread in threading.enumerate() if "teambition-writer" in thread.name]


def test_a_caller_that_stops_listening_ends_the_push(tb: Double) -> None:
    tb.project.add_field("预警内容")
    tasks = [tb.project.add_task({"标题": f"t{number}"}) for number in range(300)]
    connector = tb.connector()
    schema = connector.describe("tasks")
    own = ids_of(schema)["预警内容"]
    receipts = connector.push("tasks", schema, [Write(task, {own: "x"}) for task in tasks])
    assert next(iter(receipts)).outcome == "written"
    receipts.close()  # type: ignore[attr-defined]
    assert len(tb.service.requests(UPDATE)) < 200
    assert not [thread for thread in threading.enumerate() if "teambition-writer" in thread.name]


def test_people_and_duban_write_at_the_same_time(tb: Double) -> None:
    for name in ("预警内容", "滞后原因"):
        tb.project.add_field(name)
    tasks: Sequence[str] = [tb.project.add_task({"标题": f"t{number}"}) for number in range(100)]
    over = threading.Event()

    def person() -> None:
        for turn in range(10_000):
            if over.is_set():
                return
            tb.project.edit(tasks[turn % 100], {"滞后原因": f"{turn}", "进度": turn % 100}, by="张磊")

    editor = threading.Thread(target=person)
    editor.start()
    for place, kind in enumerate(("drop_after", "drop", "html_502", "truncate")):
        tb.service.fault(kind, UPDATE, times=2, after=10 + 20 * place)  # type: ignore[arg-type]
    receipts = push(tb.connector(), *((task, {"预警内容": f"w{task}"}) for task in tasks))
    over.set()
    editor.join()
    assert {receipt.outcome for receipt in receipts} == {"written"}
    told = {task: [line for line in tb.project.history(task) if line.creator != tb.people["张磊"]] for task in tasks}
    assert not any(told.values())
    for row in tb.project.rows():
        assert row["预警内容"] == f"w{row['id']}"
        assert row["滞后原因"] is None or int(row["滞后原因"]) % 100 == row["进度"]
