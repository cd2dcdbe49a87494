"""From the configuration to something that works: the rules compiled, the calendar laid, the connectors made.

Reads files, sends nothing. Every mistake in a rules or calendar file comes out as ``ConfigError``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from duban.config import Config
from duban.connectors import connect
from duban.connectors.limits import Pace
from duban.errors import ConfigError, Problem
from duban.notify.templates import check as check_templates
from duban.rules.book import Book, read_book
from duban.rules.calendar import Calendar
from duban.rules.compiled import CompiledBook
from duban.sync.setup import HoldLimits, Setup, Source, working_calendar


def load_rules(packs: Sequence[str | Path]) -> CompiledBook:
    """Read, merge, check and compile packs."""
    return CompiledBook(read_book(packs, [check_templates]))


def check_everything(config: Config) -> tuple[CompiledBook, Calendar]:
    """Check rules and calendar together, so that the mistakes of both come at once."""
    problems: list[Problem] = []
    book: CompiledBook | None = None
    try:
        book = load_rules(config.rules)
    except ConfigError as error:
        problems += error.problems
    params = book.params if book is not None else {}
    try:
        calendar = working_calendar(config.calendar, config.zone, params)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    if problems or book is None:
        raise ConfigError(problems)
    return book, calendar


def make_setup(config: Config, pace: Pace, *, accept_missing: bool = False) -> Setup:
    """Return what cycles of this configuration work with; ``close`` it when done."""
    book, calendar = check_everything(config)
    sources = tuple(
        Source(
            settings.name, settings.tool, connect(settings, zone=config.zone, pace=pace), settings.tables,
            {table.label: config.mode_of(settings.name, table.label) for table in settings.tables}, settings.interval,
        )
        for settings in config.sources
    )  # fmt: skip
    return Setup(
        sources, config.zone, config.language, book, calendar, config.directory,
        HoldLimits(config.limits.records, config.limits.share), config.fingerprint, config.admin, accept_missing,
    )  # fmt: skip


def close(setup: Setup) -> None:
    """Give back every connection and file."""
    for source in (*setup.sources, *setup.others):
        source.connector.close()


def ledger_file(config: Config) -> Path | None:
    """Return the file of a SQLite ledger, ``None`` for one in memory or on a server."""
    url = config.state.reveal()
    if not url.startswith("sqlite") or urlsplit(url).path in {"", "/", "/:memory:"}:
        return None
    return Path(url.partition(":///")[2])


def book_of(packs: Sequence[str | Path]) -> Book:
    """Return the merged book of packs, checked."""
    return load_rules(packs).book
