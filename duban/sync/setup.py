"""What a cycle works with: the sources with their connectors, and everything that judging needs.

Made by the command line from the configuration; nothing here reads a file or knows a vendor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from duban.connectors.base import Connector
from duban.connectors.settings import Mode, Table
from duban.people import Directory
from duban.rules.calendar import Calendar, load_calendar
from duban.rules.compiled import CompiledBook
from duban.rules.waivers import NO_WAIVERS, Waivers
from duban.wording import Language


@dataclass(frozen=True, slots=True)
class Source:
    """One source of the configuration, opened. ``modes`` by table label."""

    name: str
    tool: str
    connector: Connector
    tables: Sequence[Table]
    modes: Mapping[str, Mode]
    interval: float = 300.0


@dataclass(frozen=True, slots=True)
class HoldLimits:
    """A plan that changes more rows of one table than this is held; the share counts from 50 rows on."""

    records: int = 100
    share: float = 0.2


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that stays the same between the cycles of one configuration."""

    sources: Sequence[Source]
    zone: ZoneInfo
    language: Language
    book: CompiledBook
    calendar: Calendar
    directory: Directory
    limits: HoldLimits = field(default_factory=HoldLimits)
    fingerprint: str = ""
    admin: tuple[str, ...] = ()
    accept_missing: bool = False
    others: Sequence[Source] = ()
    waivers: Waivers = NO_WAIVERS

    def only(self, names: Sequence[str]) -> Setup:
        """Return the same with only these sources read; all of them when no name is given. The ``others`` are judged
        with by what the ledger remembers of them."""
        every = (*self.sources, *self.others)
        if not names:
            return replace(self, sources=every, others=())
        kept = tuple(source for source in every if source.name in names)
        return replace(self, sources=kept, others=tuple(source for source in every if source.name not in names))


def working_calendar(
    parts: Sequence[str | Path], zone: ZoneInfo, params: Mapping[str, Any], directory: Directory | None = None
) -> Calendar:
    """Return the calendar of a configuration: its own hours where it gives some, else the pack's work_windows. With a
    directory, hours of departments that it does not know are a mistake."""
    calendar = load_calendar(parts, zone, directory.aliases if directory is not None else None)
    return calendar.with_default_hours(
        [str(window) for window in params.get("work_windows", ())] or ["09:00-12:00", "13:00-18:00"]
    )
