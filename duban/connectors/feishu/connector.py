"""Feishu Bitable (飞书多维表格) as a connector: what a table is, its columns, its rows, its cells.

Built on ``records/search`` and ``records/batch_update``; column ids are Feishu's field ids, so that a renamed column
keeps working although Feishu keys every cell by name. Persons come with the kind of id that the directory names them
by, else with union ids, which are the same for every application of one developer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from duban.connectors.base import Page, Receipt, Schema, Traffic, Write
from duban.connectors.feishu.address import Place, read_address
from duban.connectors.feishu.api import Api
from duban.connectors.feishu.codes import NoScope
from duban.connectors.feishu.decode import Zones
from duban.connectors.feishu.reading import Reading
from duban.connectors.feishu.writing import Writing
from duban.connectors.limits import Pace
from duban.connectors.settings import FeishuSource
from duban.errors import AuthError, Rejected

# Feishu names a zone that no time zone database has (facts, section 2).
ZONES = {"Asia/Beijing": "Asia/Shanghai"}
PROBED_TABLES = 10
FRESH = 60.0  # seconds for which a list of columns is good enough to write by


class FeishuConnector:
    """One Feishu source; keeps :class:`duban.connectors.base.Connector`.

    A full read of N rows costs ceil(N/500) requests, the list of columns one per hundred; the token, a base's own data
    and the base behind a wiki page are asked for once and kept.
    """

    tool = "feishu"

    def __init__(
        self, settings: FeishuSource, *, zone: ZoneInfo, pace: Pace, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name, self.traffic = settings.name, Traffic()
        self._settings, self._zone, self._clock = settings, zone, clock
        self._tables = {table.label: table for table in settings.tables}
        self._api = Api(settings, pace=pace, traffic=self.traffic, clock=clock)
        self._lock = threading.Lock()
        self._places: dict[str, Place] = {}
        self._zones: dict[str, Zones] = {}
        self._bases_behind_wiki: dict[str, str] = {}

    def describe(self, table: str) -> Schema:
        """Return the table's columns, asked afresh."""
        place = self._place(table)
        self._zones_of(place)
        return Schema(self._api.columns(place), raw=self._clock())

    def pull(self, table: str, schema: Schema, columns: Sequence[str]) -> Iterator[Page]:
        """Yield every row. An empty answer is believed only after :meth:`_believe_empty`."""
        place = self._place(table)
        rows = 0
        for page in Reading(self._api, place, self._zones_of(place), schema, columns).pages():
            rows += len(page.rows)
            yield page
        if rows == 0:
            self._believe_empty(place)

    def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:
        """Set cells; see :mod:`duban.connectors.feishu.writing`.

        Columns listed long ago are listed again: a name may belong to another column by now, and an option that is gone
        would be created by writing it.
        """
        if not writes:
            return
        place = self._place(table)
        if not isinstance(schema.raw, float) or self._clock() - schema.raw > FRESH:
            schema = self.describe(table)
        yield from Writing(self._api, place, self._zones_of(place), schema).receipts(writes)

    def close(self) -> None:
        """Give the connections back."""
        self._api.close()

    def _place(self, table: str) -> Place:
        with self._lock:
            if table not in self._places:
                if table not in self._tables:
                    raise Rejected(f"{self.name} has no table {table}; its tables are {', '.join(self._tables)}")
                address = read_address(self._tables[table], self._settings.base_url)
                app = self._behind_wiki(address.token) if address.wiki else address.token
                self._places[table] = Place(app, address.table, address.origin)
            return self._places[table]

    def _behind_wiki(self, node: str) -> str:
        """Return the base that a wiki page holds; it never changes (facts, section 1: cache for good)."""
        if node not in self._bases_behind_wiki:
            found = self._api.node(node)
            if found.get("obj_type") != "bitable" or not found.get("obj_token"):
                kind = found.get("obj_type") or "nothing"
                raise Rejected(f"{self.name}: the wiki page holds {kind}, not a base; give the address of the base")
            self._bases_behind_wiki[node] = str(found["obj_token"])
        return self._bases_behind_wiki[node]

    def _zones_of(self, place: Place) -> Zones:
        with self._lock:
            if place.app not in self._zones:
                about = self._about(place)
                if about is None:  # only for now: the right may be given later
                    return Zones(self._zone, self._zone)
                self._zones[place.app] = Zones(self._zone_named(about.get("time_zone")), self._zone)
            return self._zones[place.app]

    def _about(self, place: Place) -> Mapping[str, Any] | None:
        """Return a base's own data; ``None`` without the permission for them, which is one apart from that for rows.

        A base that does not exist is refused for its columns, too, and told there.
        """
        try:
            return self._api.base(place)
        except (NoScope, Rejected):
            return None

    def _zone_named(self, name: Any) -> ZoneInfo:
        """Return the zone of a base's days; ours where Feishu names one that is not known."""
        try:
            return ZoneInfo(ZONES.get(str(name), str(name))) if name else self._zone
        except (ZoneInfoNotFoundError, ValueError):
            return self._zone

    def _believe_empty(self, place: Place) -> None:
        """Raise ``AuthError`` when an empty table is more likely a table that we are not shown.

        With advanced permissions on, an application without manage rights is answered "no rows" instead of "no right"
        (facts 0.7). A table may also be truly empty; so the other tables of the base are looked at: where one of them
        shows a row, the application has rights here and the answer is believed.
        """
        about = self._about(place)
        if about is not None and not about.get("is_advanced"):
            return
        others = [table for table in self._api.table_ids(place) if table != place.table][:PROBED_TABLES]
        for other in others:
            probe = Place(place.app, other, place.origin)
            if self._api.search(probe, names=None, size=1, token=None).get("items"):
                return
        raise AuthError(
            f"{self.name}: no table of the base shows a row and advanced permissions are on; give the application "
            "manage rights on the base, or put one row into any of its tables if all of them are really empty"
        )
