"""Reading all pages of a list of records.

The iterator lives in the service and may die in the middle (idle clients, restarts): then all is read again from
page one. A page may be short, even empty, and still have a successor: only a missing offset ends the read
(facts/airtable section 4).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyairtable

from duban.connectors.airtable.answers import IteratorGone
from duban.errors import Unavailable

PAGE_SIZE = 100
RESTARTS = 3


def pages_of(table: pyairtable.Table, options: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Yield the records page by page; after a restart they come again. Raises ``Unavailable`` after the last restart,
    or when the service hands out the same offset twice."""
    for restart in range(RESTARTS + 1):
        try:
            yield from _once(table, options)
        except IteratorGone as error:
            if restart == RESTARTS:
                times = f"reading was started {RESTARTS + 1} times, the next cycle tries again"
                raise Unavailable(f"{error}; {times}") from error
        else:
            return


def _once(table: pyairtable.Table, options: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    seen: set[str] = set()
    answers = table.api.iterate_requests(
        "get", table.urls.records, fallback=("post", table.urls.records_post),
        options={"page_size": PAGE_SIZE, "use_field_ids": True, **options},
    )  # fmt: skip
    for answer in answers:
        yield answer["records"]
        offset = answer.get("offset")
        if offset in seen:
            raise Unavailable(
                f"Airtable repeats a page of table {table.name} in base {table.base.id}: the read would never end; "
                "the next cycle tries again"
            )
        if offset:
            seen.add(str(offset))
