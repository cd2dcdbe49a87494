"""How near a full read and a write of 1,000 rows come to the least time that each service's limits leave.

    python benchmarks/vendor_limits.py [--rounds 3] [--cells 4] [--only airtable] [--no-writes] [--quick]

The simulators run in processes of their own with their limits on (429 at once, Airtable's lock-out too), 20 ms a
round trip. Rounds are interleaved over the tools; the table shows medians.

What is timed. *read*: describe, map, pull every mapped column, make items of the rows (what a cycle does). *write*:
push 1,000 rows of ``--cells`` own cells each, on the connector that has read. All operations start with empty windows.

Requests, at the least (facts/scale-and-reliability 9.1 and 9.2; N rows, k rows to write):

==========  ==============================================================================  =======================
tool        read                                                                            write
==========  ==============================================================================  =======================
airtable    1 (tables) + ceil(N/100)                                                        ceil(k/10)
feishu      3 (token, base, fields) + ceil(N/500)                                           ceil(k/500)
teambition  2 (project, fields) + 2 (statuses, priorities) + ceil(people/50) + ceil(N/1000) k x cells
==========  ==============================================================================  =======================

T_min is the earliest end of these requests that the service's own windows allow, by the recurrence

    start[i] = max(end[i - c], start[i - r] + W),   end[i] = start[i] + L[i]

with r requests per window W = 1 s and key (Airtable 5 per base, Feishu search 20 and batch_update 50 per application,
Teambition 40 per endpoint), and c requests at a time: 1 for pages, whose token is in the page before, and for Feishu's
writes (one writer per base); unbounded for the other writes. This is sharper than 9.1's L + (C-1) max(L, 1/r), which is
shown as "9.1": a window lets its r requests go at once. L is a round trip with the service's own time (9.1 has it so):
the 20 ms, what the simulator needed for that very answer in that very run, and the way of the bytes, which is a bare
client's (http.client, bytes read and thrown away) beside the run. "20 ms" is the ratio with L = 0.020 s flat, as if a
service needed no time for a page of 1,000 tasks, nor 2 MB any time on the way.
The response-anchored limiter, which is safe against every kind of window, costs (W + L)/W = 1.02 where r binds.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from worlds import LABEL, OPTIONS, OWN, PEOPLE, ROUND_TRIP, SETTINGS, ZONE, World, serving

from duban.connectors.base import Connector, Schema, Write
from duban.connectors.columns import TableMapping, map_columns, wanted_columns
from duban.connectors.owncells import own_cell
from duban.connectors.reading import Reader
from duban.connectors.statuses import Statuses
from duban.sync.collector import calm_collector

ROWS = {"airtable": 2_000, "feishu": 20_000, "teambition": 20_000}
WRITES = 1_000
REPEATS = {"feishu": 11}  # two requests take so little time that one push says nothing
WINDOW = 1.0
KEPT = {"authorization", "content-type", "x-tenant-id", "x-operator-id"}


class Need(NamedTuple):
    """One request that cannot be saved: its limit's key, r, c, and whether it is one of the many."""

    key: str
    per_window: int
    at_a_time: int
    bulk: bool = True


def needs(tool: str, operation: str, rows: int, cells: int) -> list[Need]:
    """Return the requests of an operation, in order; see the module."""
    match tool, operation:
        case "airtable", "read":
            return [Need("base", 5, 1, bulk=False), *[Need("base", 5, 1)] * ceil(rows / 100)]
        case "airtable", _:
            return [Need("base", 5, rows)] * ceil(rows / 10)
        case "feishu", "read":
            meta = [Need(key, 20, 1, bulk=False) for key in ("token", "base", "fields")]
            return [*meta, *[Need("search", 20, 1)] * ceil(rows / 500)]
        case "feishu", _:
            return [Need("batch_update", 50, 1)] * ceil(rows / 500)
        case "teambition", "read":
            names = ["project", "fields", "statuses", "priorities", *["people"] * ceil(len(PEOPLE) / 50)]
            return [*[Need(key, 40, 1, bulk=False) for key in names], *[Need("query", 40, 1)] * ceil(rows / 1_000)]
        case _:
            return [Need("update", 40, rows * cells)] * (rows * cells)


def least(asked: Sequence[Need], trips: Sequence[float]) -> float:
    """Return the earliest end; ``trips`` are the bulk requests' L, the others take the round trip alone."""
    starts: dict[str, list[float]] = {}
    ends: list[float] = []
    bulk = iter(trips)
    for place, need in enumerate(asked):
        mine = starts.setdefault(need.key, [])
        free = mine[-need.per_window] + WINDOW if len(mine) >= need.per_window else 0.0
        before = ends[place - need.at_a_time] if place >= need.at_a_time else 0.0
        mine.append(max(free, before))
        ends.append(mine[-1] + (next(bulk) if need.bulk else ROUND_TRIP))
    return max(ends)


def even(asked: Sequence[Need], trip: float) -> float:
    """Return 9.1's T_min: L + (C-1) max(L/c, 1/r), the single requests before it."""
    bulk = [need for need in asked if need.bulk]
    step = max(trip / min(bulk[0].at_a_time, len(bulk)), WINDOW / bulk[0].per_window)
    return (len(asked) - len(bulk)) * ROUND_TRIP + trip + (len(bulk) - 1) * step


class Run(NamedTuple):
    """One measured run: wall time, the L of its bulk requests, how many requests, how many were refused."""

    wall: float
    trips: list[float]
    requests: int
    refused: int


@dataclass
class Line:
    """One line of the table, over the rounds."""

    tool: str
    operation: str
    rows: int
    cells: int
    runs: list[Run] = field(default_factory=list)

    def text(self) -> str:
        asked = needs(self.tool, self.operation, self.rows, self.cells)
        bulk = sum(need.bulk for need in asked)
        trips = [statistics.median(run.trips) for run in self.runs]
        floors = [least(asked, run.trips) for run in self.runs]
        pairs = list(zip(self.runs, floors, trips, strict=True))
        median = statistics.median
        numbers = (
            f"{median(trips) * 1e3:6.1f} | {median(run.wall for run in self.runs):8.3f} | {median(floors):8.3f}"
            f" | {median(run.wall / floor for run, floor, _ in pairs):5.3f}"
            f" | {median(run.wall / even(asked, trip) for run, _, trip in pairs):5.3f}"
            f" | {median(run.wall for run in self.runs) / least(asked, [ROUND_TRIP] * bulk):6.3f}"
        )
        counted = "/".join(map(str, sorted({run.requests for run in self.runs})))
        name = f"{self.tool:10} | {self.operation:5} | {self.rows:6}"
        return f"| {name} | {counted:>8} | {len(asked):7} | {numbers} | {sum(run.refused for run in self.runs):3} |"


HEAD = """\
| tool       | what  |   rows | requests | minimum |   L ms |   wall s |  T_min s | ratio |   9.1 |  20 ms | 429 |
|---|---|---|---|---|---|---|---|---|---|---|---|"""


def read(tool: str, connector: Connector) -> tuple[Schema, TableMapping, list[str]]:
    """Read the whole table as a cycle does, and return its record ids."""
    schema = connector.describe(LABEL)
    mapping = map_columns(SETTINGS[tool], schema)
    reader = Reader("bench", LABEL, mapping, zone=ZONE, aliases={}, statuses=Statuses({}))
    for page in connector.pull(LABEL, schema, wanted_columns(mapping)):
        reader.add(page)
    return schema, mapping, [item.ref.record for item in reader.result().items]


def writes(mapping: TableMapping, records: Sequence[str], cells: int, turn: int) -> list[Write]:
    """Return changes of own cells; every turn other values."""
    own = {column.name: column for column in mapping.own.values()}
    names = [name for name in OWN if name in own][:cells]
    made = []
    for number, record in enumerate(records):
        values = [(own[name], _value(name, number, turn)) for name in names]
        made.append(Write(record, {column.id: own_cell(value, column, ZONE).cell for column, value in values}))
    return made


def _value(name: str, number: int, turn: int) -> str | float:
    if OPTIONS[name]:
        return OPTIONS[name][(number + turn) % len(OPTIONS[name])]
    return float(number % 9 + turn) if name == "滞后天数" else f"LAG-0{turn % 9}：滞后{number % 9}个工作日，请填写说明"


def way_of_the_bytes(world: World, entry: dict[str, Any], times: int) -> float:
    """Return what a bare answer to one request that was asked before takes beyond the service's own time: the mean of
    so many in a row, after a pause as long as before the run, because connections and caches cool down."""
    parts = urlsplit(world.address["url"])
    connection = http.client.HTTPConnection(str(parts.hostname), int(parts.port or 80))
    target = f"{quote(entry['path'])}?{urlencode(entry['query'])}"
    body = None if entry["body"] is None else json.dumps(entry["body"]).encode()
    kept = {name: value for name, value in entry["headers"].items() if name in KEPT}
    took = []
    for _ in range(times):
        begin = time.perf_counter()
        connection.request(entry["method"], target, body, kept)
        answer = connection.getresponse()
        answer.read()
        took.append(time.perf_counter() - begin)
        assert answer.status == 200, (answer.status, target)
    connection.close()
    time.sleep(WINDOW + 0.1)
    _, served = world.tally()
    return statistics.fmean(whole - own for whole, own in zip(took, served[entry["path"]], strict=True))


def measured(line: Line, world: World, wall: float) -> None:
    entries, served = world.tally()
    time.sleep(WINDOW + 0.1)  # the windows are empty again
    bulk = sum(need.bulk for need in needs(line.tool, line.operation, line.rows, line.cells))
    many = [entry for entry in entries if _kind(entry) == _kind(entries[-1])]
    assert len(many) == bulk, (len(many), bulk)
    times = [seconds for path in dict.fromkeys(entry["path"] for entry in many) for seconds in served[path]]
    way = way_of_the_bytes(world, many[0], min(bulk, 5))
    line.runs.append(Run(wall, [own + way for own in times], len(entries), sum(entry["refused"] for entry in entries)))


def _kind(entry: dict[str, Any]) -> tuple[str, str]:
    return entry["method"], "/".join(entry["path"].split("/")[-2:])


def one_round(world: World, lines: Sequence[Line], turn: int) -> None:
    connector = world.connect()
    reading, *rest = lines
    begin = time.perf_counter()
    schema, mapping, records = read(world.tool, connector)
    measured(reading, world, time.perf_counter() - begin)
    assert len(records) == reading.rows
    for writing in rest:
        for again in range(REPEATS.get(world.tool, 1)):
            wanted = writes(mapping, records[: writing.rows], writing.cells, turn + again)
            begin = time.perf_counter()
            receipts = list(connector.push(LABEL, schema, wanted))
            measured(writing, world, time.perf_counter() - begin)
            assert [receipt.outcome for receipt in receipts] == ["written"] * writing.rows
    assert connector.traffic.refused == 0
    connector.close()


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--cells", type=int, default=4, help="own cells that differ in a written row")
    options.add_argument("--only", choices=tuple(ROWS), action="append")
    options.add_argument("--no-writes", action="store_true", help="full reads only")
    options.add_argument("--quick", action="store_true", help="a tenth of the rows")
    chosen = options.parse_args()
    part = 10 if chosen.quick else 1
    tools = chosen.only or list(ROWS)
    written = {} if chosen.no_writes else {"write": WRITES // part}
    sizes = {tool: {"read": ROWS[tool] // part, **written} for tool in tools}
    lines = {tool: [Line(tool, what, rows, chosen.cells) for what, rows in sizes[tool].items()] for tool in tools}
    for turn in range(chosen.rounds):
        for tool in tools:  # one service at a time: two at once would share the cores
            with serving(tool, lines[tool][0].rows) as world, calm_collector():
                one_round(world, lines[tool], turn)
    print(HEAD)
    for several in lines.values():
        for line in several:
            print(line.text())


if __name__ == "__main__":
    main()
