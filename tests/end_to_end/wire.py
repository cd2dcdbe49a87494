"""Rewriting what the simulators answer, to be another faithful server; and reading a tool with nothing around it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from played import World

from duban.config import load_config
from duban.connectors import connect
from duban.connectors.base import Connector, Row
from duban.connectors.limits import Pace
from duban.item import Person
from duban.sandbox.server import Reply, Request

Rows = dict[str, Row]
Answer = Callable[[Request, Reply], Reply]


class Free:
    """Slots without limits: the simulators' are off as well."""

    def take(self, *_: object) -> tuple[int, float]:
        return 0, 0.0

    def release(self, *_: object) -> None:
        pass

    freeze = release


class Quick(Pace):
    def sleep(self, seconds: float) -> None:
        super().sleep(0)


@contextmanager
def opened(played: World, tool: str) -> Iterator[tuple[Connector, list[str]]]:
    config = load_config(played.config)
    settings = next(each for each in config.sources if each.tool == tool)
    connector = connect(settings, zone=config.zone, pace=Quick(Free()))
    try:
        yield connector, [table.label for table in settings.tables]
    finally:
        connector.close()


def read(played: World, tool: str) -> Rows:
    """Read every column of every table of a tool."""
    with opened(played, tool) as (connector, labels):
        found: Rows = {}
        for label in labels:
            schema = connector.describe(label)
            for page in connector.pull(label, schema, [column.id for column in schema.columns]):
                found |= {row.record: row for row in page.rows}
        return found


@contextmanager
def answering(played: World, tool: str, change: Answer) -> Iterator[None]:
    """Let a service's answers pass through ``change``, which must change at least one of them."""
    service, changed = played.seeded.services[tool], []  # type: ignore[index,var-annotated]
    own = service.handle

    def handle(request: Request) -> Reply:
        reply = own(request)
        answer = change(request, reply)
        changed.append(answer != reply)
        return answer

    service.handle = handle  # type: ignore[method-assign]
    try:
        yield
    finally:
        del service.handle
    assert any(changed)


def anew(reply: Reply) -> Any:
    """Return a copy of an answer's body that may be changed."""
    return json.loads(reply.encoded())


def at(part: str, change: Callable[[Any], Any]) -> Answer:
    """Change the JSON of answers whose path has this part; ``change`` returns the new body, or None for the same one."""

    def answer(request: Request, reply: Reply) -> Reply:
        if part not in request.path:
            return reply
        body = anew(reply)
        return replace(reply, body=body if (new := change(body)) is None else new)

    return answer


def refusing(part: str, status: int, body: Any) -> Answer:
    return lambda request, reply: Reply(status, body) if part in request.path else reply


def cells_of(rows: Rows) -> dict[str, Mapping[str, Any]]:
    assert {record: row.bad for record, row in rows.items() if row.bad} == {}
    return {record: row.cells for record, row in rows.items()}


def people(rows: Rows) -> dict[tuple[str, str], tuple[Person, ...]]:
    return {
        (record, column): cell for record, cells in cells_of(rows).items() for column, cell in cells.items()
        if isinstance(cell, tuple) and isinstance(cell[0], Person)
    }  # fmt: skip
