"""Values to text and back: times, cells, items. What is stored describes itself.

An item's values are stored by field key, empty ones left out, so that a release with more fields or another order of
fields still reads an older mirror; so are the cells of an approved extension, under ``waiver.…``. Inside the JSON,
``{"d": …}`` is a day, ``{"t": …}`` an instant with the offset it was read with, a list of texts a tuple, a list of
pairs people.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, tzinfo
from functools import cache
from hashlib import blake2b
from typing import Any, cast

from duban.item import Item, Kind, Person, Ref, Value, places_of

_WAIVER = "waiver."  # no field's key has a point


def _tagged(value: object) -> dict[str, str]:
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    if isinstance(value, date):
        return {"d": value.isoformat()}
    raise TypeError(f"a ledger cannot hold a {type(value).__name__}")


# Without the check for circles: values cannot hold themselves, and it costs a tenth of a large cycle.
_READABLE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_tagged, check_circular=False)
_ASCII = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=_tagged, check_circular=False)


def json_text(value: Any) -> str:
    """Return compact JSON that every database takes."""
    return _json_bytes(value).decode()


def _json_bytes(value: Any) -> bytes:
    try:
        return _READABLE.encode(value).encode()
    except UnicodeEncodeError:  # a tool's text with half a surrogate pair: escaped it is kept as it is
        return _ASCII.encode(value).encode()


def plain(text: str) -> str:
    """Return a text that every database takes: PostgreSQL refuses NUL, both refuse broken surrogates."""
    return text if text.isascii() and "\0" not in text else text.replace("\0", "").encode(errors="replace").decode()


def instant_text(instant: datetime | None) -> str | None:
    """Return an aware time as stored: UTC, microseconds, fixed width."""
    if instant is None:
        return None
    if instant.tzinfo is None:
        raise ValueError(f"the time {instant} has no zone")
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def day_text(day: date | None) -> str | None:
    """Return a date as stored."""
    return None if day is None else day.isoformat()


@cache
def _keys(kind: Kind) -> tuple[str, ...]:
    places = places_of(kind)
    return tuple(sorted(places, key=places.__getitem__))


def cells_of(item: Item) -> dict[str, Value]:
    """Return an item's values by field key, without the empty ones, and the cells of an approved extension."""
    cells: dict[str, Value] = {
        key: value for key, value in zip(_keys(item.kind), item.values, strict=True) if value is not None
    }
    if item.waiver:
        cells.update((f"{_WAIVER}{key}", value) for key, value in item.waiver)
    return cells


def item_hash(item: Item) -> bytes:
    """Return what tells whether an item changed: 16 bytes over everything that the tool showed of it."""
    shown = (item.kind, cells_of(item), dict(item.own), dict(item.bad), item.url)
    return blake2b(_json_bytes(shown), digest_size=16).digest()


class Decoder:
    """Turns what is stored into values again, with all times in one zone; equal times are one object.

    Make one for each load: what it shares between rows lives as long as it does.
    """

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._instants: dict[str, datetime] = {}
        self._texts: dict[str, tuple[str, ...]] = {}
        self._words: dict[str, str] = {}

    def instant(self, text: str | None) -> datetime | None:
        """Return a stored instant in the decoder's zone."""
        return None if text is None else self.known_instant(text)

    def known_instant(self, text: str) -> datetime:
        """Return a stored instant that is never missing."""
        known = self._instants.get(text)
        if known is None:
            known = self._instants[text] = self._local(datetime.fromisoformat(text))
        return known

    def day(self, text: str | None) -> date | None:
        """Return a stored date."""
        return None if text is None else date.fromisoformat(text)

    def texts(self, text: str) -> tuple[str, ...]:
        """Return a stored tuple of texts."""
        known = self._texts.get(text)
        if known is None:
            known = self._texts[text] = tuple(json.loads(text))
        return known

    def shared(self, text: str | None) -> str | None:
        """Return one object for equal texts: a million rows hold six words of status."""
        return None if text is None else self._words.setdefault(text, text)

    def cells(self, text: str) -> dict[str, Value]:
        """Return stored cells by their keys."""
        return {key: self._value(stored) for key, stored in json.loads(text).items()} if text != "{}" else {}

    def item(self, ref: Ref, kind: Kind, stored: tuple[str, str, str], url: str | None) -> Item:
        """Return an item from its stored (cells, own, bad); a field that this release does not know is left out."""
        cells, own, bad = stored
        places = places_of(kind)
        values: list[Value] = [None] * len(places)
        waiver: tuple[tuple[str, Value], ...] = ()
        for key, value in json.loads(cells).items():
            place = places.get(key)
            if place is not None:
                values[place] = value if type(value) is str else self._value(value)
            elif key.startswith(_WAIVER):
                waiver = (*waiver, (key.removeprefix(_WAIVER), self._value(value)))
        marks = () if bad == "{}" else tuple(json.loads(bad).items())
        return Item(ref, kind, tuple(values), tuple(self.cells(own).items()), marks, url, waiver)

    def _value(self, stored: Any) -> Value:
        if isinstance(stored, dict):
            return self.day(stored["d"]) if "d" in stored else self.instant(stored["t"])
        if isinstance(stored, list):
            people = bool(stored) and isinstance(stored[0], list)
            return tuple(Person(*pair) for pair in stored) if people else tuple(stored)
        return cast("Value", stored)

    def _local(self, instant: datetime) -> datetime:
        try:
            return instant.astimezone(self._zone)
        except OverflowError:  # the first and the last day of the calendar
            return instant


def same_cells(wanted: Mapping[str, Value], seen: Iterable[tuple[str, Value]]) -> bool:
    """Tell whether a row's own cells hold what was wanted; a cell that is absent is empty."""
    there = dict(seen)
    return all(there.get(key) == value for key, value in wanted.items())
