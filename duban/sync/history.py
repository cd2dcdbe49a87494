"""What a cycle leaves for later: by which rules it judged, and how every table stood, as texts with a fingerprint.

A book of rules and the forms of tables hardly ever change, so thousands of moments share one text of each.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from duban.errors import ConfigError
from duban.rules.bookrecord import book_from
from duban.rules.compiled import CompiledBook
from duban.rules.context import TableView
from duban.sync.ledger import Judged, Ledger, Moment, Rules
from duban.sync.setup import Setup

Views = Mapping[tuple[str, str], TableView]


def left_behind(
    setup: Setup, views: Views, read: Iterable[str], held: Iterable[tuple[str, str]], *, run: str, now: datetime
) -> Judged:
    """Return what a cycle writes down of its judging. ``read`` are the sources that it read, ``held`` the tables of
    which nothing was remembered or said."""
    record, tables = setup.book.record, tables_text(views)
    moment = Moment(
        now, run, tuple(sorted(set(read))), record.fingerprint, _fingerprint(tables), tuple(sorted(held))
    )  # fmt: skip
    return Judged(Rules(record.fingerprint, record.digests, setup.book.text), moment, tables)


def tables_text(views: Views) -> str:
    """Return how tables stand, without the times, as text for :func:`views_from`."""
    rows = [
        [view.source, view.name, view.tool, {kind: sorted(fields) for kind, fields in view.mapped.items()},
         view.complete, view.known, view.live, view.machine_update, list(view.swapped_headings)]
        for _, view in sorted(views.items())
    ]  # fmt: skip
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def views_from(text: str) -> dict[tuple[str, str], TableView]:
    """Return the tables of a text; when each was read before is not in it."""
    return {
        (source, name): TableView(
            source, name, tool, {kind: frozenset(fields) for kind, fields in mapped.items()}, complete=complete,
            known=known, live=live, machine_update=machine, swapped_headings=tuple(swapped),
        )
        for source, name, tool, mapped, complete, known, live, machine, swapped in json.loads(text)
    }  # fmt: skip


def with_rules(setup: Setup, book: CompiledBook) -> Setup:
    """Return the setup with other rules in force, and the working hours that they name."""
    windows = [str(window) for window in book.params.get("work_windows", ())]
    return replace(setup, book=book, calendar=setup.calendar.with_default_hours(windows) if windows else setup.calendar)


def rules_of(ledger: Ledger, moment: Moment, current: CompiledBook) -> CompiledBook | None:
    """Return the rules in force at a recorded moment; ``None`` where their text is not recorded, or this release cannot
    read it any more."""
    if moment.book == current.record.fingerprint:
        return current
    text = ledger.document(moment.book)
    if text is None:
        return None
    try:
        return CompiledBook(book_from(text, moment.book, f"the rules of {moment.at:%Y-%m-%d}"))
    except ConfigError:
        return None


def _fingerprint(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
