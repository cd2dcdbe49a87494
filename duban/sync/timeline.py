"""The recorded past as a replay reads it: the moments, how every row read at each of them, what was remembered first.

What people and tools did is taken from the record: the cells, which tables could be read, which were held, when duban
wrote. What follows from it is judged anew. The directory, the calendar and waivers are today's: they have no past here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from duban.item import Item, Ref
from duban.rules.context import TableView
from duban.rules.evaluate import human_fingerprint
from duban.rules.memory import Memory
from duban.sync.history import views_from
from duban.sync.ledger import Ledger, Moment
from duban.sync.ledger.past import Version

Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """One moment that is judged again: its tables with the times of their last complete reads, the rows that are
    there, those that were missed for the first time, and the tables that were held."""

    moment: Moment
    views: Mapping[Place, TableView]
    items: Sequence[Item]
    doubtful: frozenset[Ref]


class Timeline:
    """The record of a stretch of time. ``moments`` are those in it, oldest first."""

    def __init__(self, ledger: Ledger, *, since: datetime, until: datetime) -> None:
        every = _latest_of_each(ledger.moments())
        self.recorded_since = every[0].at if every else None
        self.before = [moment for moment in every if moment.at < since]
        self.moments = [moment for moment in every if since <= moment.at <= until]
        self._views = cache(lambda fingerprint: views_from(ledger.document(fingerprint) or "[]"))
        self._versions: dict[Place, list[Version]] = {}
        self.memories: dict[Ref, Memory] = {}
        self._written: dict[Ref, list[datetime]] = {}
        if self.moments:
            places = sorted({place for moment in self.moments for place in self._views(moment.tables)})
            for place in places:
                self._versions[place] = ledger.versions(*place, since=self.moments[0].at)
                self._remember(place, ledger)

    def _remember(self, place: Place, ledger: Ledger) -> None:
        """Keep what was remembered of each row right before the first moment, and when duban wrote it."""
        first = self.moments[0].at
        born = self._born(place, ledger.first_seen(*place))
        for ref, memory, until in ledger.memories_since(*place, since=first):
            if memory.written_at is not None:
                self._written.setdefault(ref, []).append(memory.written_at)
            start = born.get(ref)
            if ref not in self.memories and (start is None or start < first or start == until):
                self.memories[ref] = memory
        for ref, at in ledger.writes(*place):
            self._written.setdefault(ref, []).append(at)
        for times in self._written.values():
            times.sort()
        for ref, memory in self.memories.items():
            self.memories[ref] = replace(memory, written_at=self._last_write(ref, first))

    def _born(self, place: Place, starts: Mapping[Ref, datetime | None]) -> dict[Ref, datetime]:
        """When each row was judged for the first time: the first moment at which its table was read and not held."""
        told = [moment.at for moment in (*self.before, *self.moments) if self._judged(moment, place)]
        born = {}
        for ref, start in starts.items():
            if start is not None:
                number = bisect_left(told, start)
                born[ref] = told[number] if number < len(told) else datetime.max.replace(tzinfo=start.tzinfo)
        return born

    def _judged(self, moment: Moment, place: Place) -> bool:
        view = self._views(moment.tables).get(place)
        return view is not None and view.complete and place not in moment.held

    def _last_write(self, ref: Ref, at: datetime) -> datetime | None:
        times = self._written.get(ref, [])
        number = bisect_left(times, at)  # a run writes after it has judged
        return times[number - 1] if number else None

    def steps(self, *, every_run: bool) -> Iterator[Step]:
        """Yield the moments to judge, oldest first: all of them, or those with a change and the first of each hour."""
        last_read: dict[Place, datetime] = {}
        for moment in self.before:
            self._note_reads(moment, last_read)
        rows = _Rows(self._versions)
        for moment in self.moments:
            if every_run or moment.landmark:
                views = {
                    place: replace(view, last_read=last_read.get(place))
                    for place, view in self._views(moment.tables).items()
                }
                doubtful = rows.advance(moment.at)
                missed = [item for item in doubtful if views[item.ref[:2]].complete]
                items = [item for place in views for item in rows.of(place)]
                yield Step(moment, views, [*items, *missed], frozenset(item.ref for item in missed))
            self._note_reads(moment, last_read)

    def _note_reads(self, moment: Moment, last_read: dict[Place, datetime]) -> None:
        last_read.update({place: moment.at for place, view in self._views(moment.tables).items() if view.complete})

    def written(self, memories: dict[Ref, Memory], items: Sequence[Item], at: datetime) -> None:
        """Note in ``memories`` what duban wrote before a moment: the cells that people edit were then ``items``."""
        if not self._written:
            return
        for item in items:
            memory = memories.get(item.ref)
            at_last = self._last_write(item.ref, at) if memory is not None else None
            if memory is not None and at_last is not None and at_last != memory.written_at:
                memories[item.ref] = replace(memory, written_at=at_last, human=human_fingerprint(item))

    def item_at(self, ref: Ref, at: datetime) -> Item | None:
        """Return a row as it was at a moment."""
        for version in self._versions.get(ref[:2], ()):
            if version.item.ref == ref and _holds(version, at):
                return version.item
        return None


class _Rows:
    """The rows of all tables, moved from moment to moment."""

    def __init__(self, versions: Mapping[Place, Sequence[Version]]) -> None:
        every = [version for each in versions.values() for version in each]
        self._starts = sorted((v for v in every if v.since is not None), key=_since, reverse=True)
        self._now: dict[Place, dict[Ref, Version]] = {place: {} for place in versions}
        for version in every:
            if version.since is None:
                self._take(version)

    def advance(self, at: datetime) -> list[Item]:
        """Take in what changed up to a moment; return the rows that are gone since, seen for the last time."""
        while self._starts and _since(self._starts[-1]) <= at:
            self._take(self._starts.pop())
        gone = []
        for rows in self._now.values():
            for ref, version in list(rows.items()):
                if version.until is not None and version.until <= at:
                    gone.append(rows.pop(ref).item)
        return gone

    def of(self, place: Place) -> list[Item]:
        """Return the rows of a table, in the order of their ids."""
        return [version.item for _, version in sorted(self._now[place].items())] if place in self._now else []

    def _take(self, version: Version) -> None:
        rows, ref = self._now[version.item.ref[:2]], version.item.ref
        known = rows.get(ref)
        if known is None or _order(known) < _order(version):
            rows[ref] = version


def _since(version: Version) -> datetime:
    assert version.since is not None
    return version.since


def _order(version: Version) -> tuple[bool, datetime | bool]:
    return (version.since is not None, version.since or False)


def _holds(version: Version, at: datetime) -> bool:
    return (version.since is None or version.since <= at) and (version.until is None or at < version.until)


def _latest_of_each(moments: Sequence[Moment]) -> list[Moment]:
    """Of several cycles at one moment that read the same sources the last one counts: it saw the rows as they are
    recorded."""
    kept: dict[tuple[datetime, tuple[str, ...]], Moment] = {}
    for moment in moments:
        kept[moment.at, moment.sources] = moment
    return list(kept.values())
