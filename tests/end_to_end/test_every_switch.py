"""The worked example under every switch of the simulators: what is weak in the facts must not change what duban does.

Waiting is virtual here: it moves the services' clocks, so that all limits stay on and no test waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

import pytest
from played import KEY, NOW, World, world
from wire import answering, refusing

from duban import assembly
from duban.config import Config, load_config
from duban.connectors import connect
from duban.connectors.limits import MemorySlots, Pace
from duban.notify.channels import LogChannel
from duban.rules.calendar import Calendar
from duban.rules.compiled import CompiledBook
from duban.sandbox.airtable.switches import Switches as AirtableSwitches
from duban.sandbox.example.papers import state_document
from duban.sandbox.example.seed import Seeded
from duban.sandbox.feishu.world import Switches as FeishuSwitches
from duban.sandbox.teambition.call import Quirks
from duban.sync.cycle import Means, Result, run_cycle
from duban.sync.ledger import Ledger
from duban.sync.report import sync_document
from duban.sync.setup import Setup, Source, working_calendar

AT = datetime.fromisoformat(NOW)
FINDINGS = KEY["findings"]["A"]
SOURCES = {"feishu": "market", "teambition": "rd", "airtable": "sales"}
ROWS = [name for name in FINDINGS if not name.startswith("table:")]
SWITCHES: Mapping[str, type] = {"feishu": FeishuSwitches, "teambition": Quirks, "airtable": AirtableSwitches}

# Every switch with each of its other values; of numbers, those that the example would notice.
OTHER: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "feishu": {
        "gateway_status": (200,), "limits_enabled": (False,), "limit_status": (400,), "monthly_quota": (1000,),
        "batch_limit": (500,), "row_limit": (20_000,), "answer_limit": (15_000,), "token_seconds": (660, 30),
        "token_on_last_search_page": (True,), "exact_date_includes_day": (True,), "seconds_dates": ("store",),
        "repeated_create": ("refuse",), "client_token_seconds": (0.0,), "creator_as_list": (False,),
        "replica_lag": (1.0,), "write_hold": (1.0,), "conflict_scope": ("table",), "conflict_on_reads": (True,),
        "writes_until_not_ready": (1,), "idle_seconds": (0.5,), "error_details": (False,),
    },
    "teambition": {
        "error_style": ("envelope", "flag"), "empty_cells": ("list", "none"), "unique_id": ("int", "str", "mixed"),
        "reject_model": ("R2", "R3"), "unknown_path": (421,), "many_ids": ("accept",), "bad_query": ("empty",),
        "retry_after": (2.0,), "zoneless_dates": ("accept",), "over_page": ("refuse",), "largest_page": (100, 5),
        "operator_required": (False,), "float_pos": (True,), "moving_page": (True,), "blank_dates": (True,),
    },
    "airtable": {
        "limits": ("soft", "off"), "too_fast_body": ("list", "bare"), "retry_after": (True,), "monthly_calls": (1000,),
        "missing_record": (403,), "missing_table": (404,), "cross_table_get": (False,), "iterator_idle": (1.0,),
        "drift": (False,), "short_pages": (1, 2), "shuffle": (True,), "always_bump": (True,),
    },
}  # fmt: skip
TOGETHER: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("feishu", {"gateway_status": 200, "limit_status": 400, "error_details": False, "token_seconds": 30}),
    ("feishu", {"write_hold": 1.0, "conflict_scope": "table", "conflict_on_reads": True, "replica_lag": 1.0}),
    ("feishu", {"writes_until_not_ready": 1, "idle_seconds": 5.0, "answer_limit": 15_000, "creator_as_list": False}),
    ("teambition", {"over_page": "refuse", "largest_page": 100, "error_style": "envelope", "bad_query": "empty"}),
    ("teambition", {"moving_page": True, "largest_page": 5, "unique_id": "mixed", "empty_cells": "none"}),
    ("teambition", {"blank_dates": True, "float_pos": True, "empty_cells": "list", "error_style": "flag"}),
    ("airtable", {"shuffle": True, "short_pages": 2, "always_bump": True, "iterator_idle": 1.0}),
    ("airtable", {"too_fast_body": "list", "retry_after": True, "limits": "soft"}),
)
CASES = [
    *((tool, {name: value}) for tool, every in OTHER.items() for name, values in every.items() for value in values),
    *TOGETHER,
]


class SharedTime(Pace):
    """Waiting moves the time of the services and of the slots together."""

    def __init__(self, seeded: Seeded) -> None:
        self._ahead, self._lock = 0.0, threading.Lock()
        self._clocks = [*(service.clock for service in seeded.services.values()), seeded.teambition.wire_clock]
        super().__init__(MemorySlots(lambda: time.monotonic() + self._ahead))

    def sleep(self, seconds: float) -> None:
        with self._lock:
            for clock in self._clocks:
                clock.advance(max(0.0, seconds))
            self._ahead += max(0.0, seconds)
        super().sleep(0)


@dataclass(frozen=True)
class Played:
    """The example with switches set and its state imported; ``cycle`` does one cycle."""

    world: World
    config: Config
    setup: Setup
    ledger: Ledger
    pace: SharedTime

    def cycle(self) -> tuple[Result, dict[str, Any]]:
        result = run_cycle(
            self.setup, self.ledger, now=AT, run=f"run {time.monotonic_ns()}", clock=lambda: datetime.now(UTC),
            means=Means((LogChannel(),), self.pace),
        )  # fmt: skip
        return result, sync_document(result, self.config.zone)


@contextmanager
def playing(folder: Path, tool: str, switches: Mapping[str, Any]) -> Iterator[Played]:
    """Serve the example with switches set. All tools are read and judged, and one of them is written to."""
    with world(folder) as made:
        made.seeded.services[tool].settings(switches)
        config, pace = load_config(made.config), SharedTime(made.seeded)
        setup = set_up(config, pace, tool)
        try:
            with Ledger.open("sqlite://", zone=config.zone) as ledger:
                ledger.import_state(state_document(made.seeded), now=AT)
                yield Played(made, config, setup, ledger, pace)
        finally:
            assembly.close(setup)


def set_up(config: Config, pace: Pace, tool: str) -> Setup:
    """Return what ``assembly.make_setup`` makes, with rules that are compiled once for all tests."""
    sources = [
        Source(
            each.name, each.tool, connect(each, zone=config.zone, pace=pace), each.tables,
            {table.label: "live" if each.tool == tool else "shadow" for table in each.tables},
        )
        for each in config.sources
    ]  # fmt: skip
    book, calendar = compiled(config.rules, config.calendar, config.zone)
    return Setup(sources, config.zone, config.language, book, calendar, config.directory)


@cache
def compiled(rules: tuple[Any, ...], days: tuple[Any, ...], zone: ZoneInfo) -> tuple[CompiledBook, Calendar]:
    book = assembly.load_rules(rules)
    return book, working_calendar(days, zone, book.params)


def check_judgements(played: Played, document: Any) -> None:
    assert [(table["table"], table["error"]) for table in document["tables"] if table["read"] != "complete"] == []
    assert len(document["items"]) == len(ROWS)
    wrong = {}
    for name in ROWS:
        key, item = FINDINGS[name], played.world.item(document, name)
        wanted = {"rules": sorted(key["rules"]), "level": key["level"]}
        wanted |= {field: key[field] for field in ("state", "lag_days", "sla") if field in key}
        if (found := {field: item[field] for field in wanted}) != wanted:
            wrong[name] = (found, wanted)
    assert wrong == {}


def trouble(seeded: Seeded, tool: str, switches: Mapping[str, Any]) -> None:
    """Make the answers come about that some switches are about: those to somebody who asks too fast."""
    if "limit_status" in switches:
        seeded.feishu.trouble(99991400, "search", status=switches["limit_status"])
    if tool == "teambition" and "retry_after" in switches:
        seeded.teambition.meter.limit = 30
    if {"too_fast_body", "retry_after"} & switches.keys() and tool == "airtable":
        asked = Request(
            f"{seeded.airtable.url}/v0/meta/bases/{seeded.airtable_base}/tables",
            headers={"Authorization": f"Bearer {seeded.keys.airtable_token}"},
        )  # fmt: skip
        for _ in range(5):  # another program takes all that the base gives in this second
            with urlopen(asked) as answer:
                assert answer.status == 200


def level(cells: Mapping[str, Any]) -> Any:
    """Return the own cell that holds the level, whatever its heading is."""
    return next(cell for cell in cells.values() if cell in {"绿", "黄", "红"})


@pytest.mark.parametrize(("tool", "switches"), CASES, ids=lambda part: part if isinstance(part, str) else _named(part))
def test_the_example_comes_out_the_same(tmp_path: Path, tool: str, switches: Mapping[str, Any]) -> None:
    with playing(tmp_path / "example", tool, switches) as played:
        names = {name for place in played.world.seeded.places.values() if place.sheet.tool == tool for name in place.records}
        before, human = played.world.own(), played.world.human()
        trouble(played.world.seeded, tool, switches)
        _, document = played.cycle()
        check_judgements(played, document)
        assert (document["failures"], document["changes"]["written"]) == ([], len(names))
        after = played.world.own()
        assert {name: level(after[name]) for name in names} == {name: FINDINGS[name]["level"] for name in names}
        assert {name for name, cells in after.items() if cells != before[name]} == names
        played.pace.sleep(60.0)
        played.world.seeded.feishu.revoke_tokens()
        second, again = played.cycle()
        check_judgements(played, again)
        assert (second.exit_code, again["messages"]) == (0, [])
        assert (again["changes"]["written"], again["requests"][SOURCES[tool]]["write"]) == (0, 0)
        assert (played.world.own(), played.world.human()) == (after, human)


@pytest.mark.parametrize("part", ["/org/member", "/priority/"])
def test_the_example_needs_no_list_that_is_optional(tmp_path: Path, part: str) -> None:
    """Without the right to the members' names the directory knows people by their ids, and nothing else is judged."""
    with playing(tmp_path / "example", "teambition", {}) as played:
        with answering(played.world, "teambition", refusing(part, 403, {"code": 403, "errorMessage": "no"})):
            _, document = played.cycle()
            check_judgements(played, document)
            second, again = played.cycle()
        assert (second.exit_code, again["messages"], again["changes"]["written"]) == (0, [], 0)


def _named(switches: Mapping[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in switches.items())


@pytest.mark.parametrize("tool", SWITCHES)
def test_no_switch_is_forgotten(tool: str) -> None:
    """A switch that is added to a simulator must be added here, with every value that its type names."""
    hints, defaults = get_type_hints(SWITCHES[tool]), SWITCHES[tool]()
    assert set(OTHER[tool]) == {field.name for field in fields(SWITCHES[tool])}
    for name, values in OTHER[tool].items():
        default = getattr(defaults, name)
        assert default not in values
        if get_origin(hints[name]) is Literal:
            assert {default, *values} == set(get_args(hints[name]))
        elif hints[name] is bool:
            assert values == (not default,)
