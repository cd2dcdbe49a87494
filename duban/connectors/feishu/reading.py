"""A whole table, page by page: restarts, smaller pages, renamed columns (facts, sections 3, 4 and 7)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from duban.connectors.ahead import Peek, pages_ahead
from duban.connectors.base import Column, Page, Row, Schema
from duban.connectors.feishu.address import Place
from duban.connectors.feishu.api import Api
from duban.connectors.feishu.codes import Action, Refused, action_of
from duban.connectors.feishu.decode import Decoder, Zones, decoder
from duban.errors import ConnectorError, Rejected, SchemaChanged, Unavailable

LARGEST_PAGE, SMALLEST_PAGE = 500, 10
SMALLEST_WHILE_BUSY = 125  # a base that is busy is not helped by still smaller pages
MOST_NAMES = 200  # of one request; more columns are not named, all are sent then
RESTARTS = 3
_TOKEN = re.compile(rb'"page_token"\s*:\s*"([^"\\]+)"')
_MORE = re.compile(rb'"has_more"\s*:\s*true')


class Reading:
    """One read of one table. Pages are live: a row may come twice, the reader of the pages keeps the last one."""

    def __init__(self, api: Api, place: Place, zones: Zones, schema: Schema, wanted: Sequence[str]) -> None:
        self._api, self._place, self._zones, self._wanted = api, place, zones, tuple(wanted)
        self._size, self._restarts, self._listed_again = LARGEST_PAGE, 0, False
        self._link = place.record_url()
        self._use(schema.columns)

    def pages(self) -> Iterator[Page]:
        """Yield every page; ends only after the last one was seen."""
        while True:
            try:
                yield from self._from_page_one()
            except (Rejected, Unavailable) as error:
                self._prepare_restart(error)
            else:
                return

    def _from_page_one(self) -> Iterator[Page]:
        seen: set[str] = set()

        def ask(token: str | None, peek: Peek) -> Mapping[str, Any]:
            return self._api.search(self._place, names=self._names, size=self._size, token=token, peek=peek)

        def following(data: Mapping[str, Any]) -> str | None:
            token, more = data.get("page_token"), data.get("has_more")
            if more is None:  # then the token alone tells, and a repeated one or an empty page that it was the last
                more = bool(token) and token not in seen and bool(data.get("items"))
            if not more:
                return None
            if not token or token in seen:
                raise Refused("Feishu repeats a page token", code=0, action=Action.RESTART)
            seen.add(token)
            return str(token)

        with closing(pages_ahead(ask, following, _hint)) as answers:  # before a restart nothing is on the way any more
            for data in answers:
                yield self._page(data)

    def _page(self, data: Mapping[str, Any]) -> Page:
        try:
            total = data.get("total")
            return Page([self._row(item) for item in data.get("items") or ()], total if type(total) is int else None)
        except (KeyError, TypeError, AttributeError) as error:
            raise Unavailable("Feishu sent a page of rows that has another shape than documented") from error

    def _prepare_restart(self, error: ConnectorError) -> None:
        """Decide how to begin anew, or raise the error: there is a bound on every way."""
        action = action_of(error)
        if action is Action.COLUMNS and not self._listed_again:
            self._listed_again = True
            self._use(self._api.columns(self._place))
            return
        floor = SMALLEST_WHILE_BUSY if action is Action.NOT_READY else SMALLEST_PAGE
        if action in {Action.SMALLER, Action.NOT_READY} and self._size > floor:
            self._size = max(self._size // 2, floor)
            return
        if action in {Action.RESTART, Action.SMALLER}:
            self._restarts += 1
            if self._restarts > RESTARTS:
                raise Unavailable(f"the read had to start over more than {RESTARTS} times: {error}") from error
            self._api.traffic.retried += 1
            self._api.pace.sleep(0.25 * 2.0**self._restarts)
            return
        raise error

    def _use(self, columns: Sequence[Column]) -> None:
        """Read by these columns from now on; cells are keyed by the columns' present names (facts 0.3)."""
        by_id = {column.id: column for column in columns}
        gone = [id_ for id_ in self._wanted if id_ not in by_id]
        if gone:
            raise SchemaChanged(f"{len(gone)} column(s) of the table were deleted while it was read; read it again")
        wanted = [by_id[id_] for id_ in self._wanted] or list(columns[:1])
        self._decoders: dict[str, tuple[str, Decoder]] = {
            column.name: (column.id, decoder(column, self._zones)) for column in wanted
        }
        self._names = [column.name for column in wanted] if len(wanted) <= MOST_NAMES else None
        self._known = {column.name for column in columns}

    def _row(self, item: Mapping[str, Any]) -> Row:
        record = str(item.get("record_id") or item["id"])
        cells: dict[str, Any] = {}
        bad: dict[str, str] = {}
        for name, raw in (item.get("fields") or {}).items():
            column = self._decoders.get(name)
            if column is None:
                self._check_known(name)
                continue
            try:
                value = column[1](raw)
            except (ValueError, TypeError, KeyError, OverflowError):
                bad[column[0]] = str(raw)[:200]
                continue
            if value is not None:
                cells[column[0]] = value
        return Row(record, cells, self._link + record, bad) if bad else Row(record, cells, self._link + record)

    def _check_known(self, name: str) -> None:
        if name not in self._known:
            raise Refused(f"a column is now called {name}", code=0, action=Action.COLUMNS)


def _hint(content: bytes) -> str | None:
    """Return the token of a raw answer. In the cells, quotes are escaped; only a column of that name could mislead."""
    found = _TOKEN.search(content) if _MORE.search(content) else None
    return found[1].decode("ascii", "replace") if found else None
