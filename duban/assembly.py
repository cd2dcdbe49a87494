"""From the configuration to something that works: the rules compiled, the calendar laid, the connectors made.

Reads files, sends nothing. Every mistake in a rules or calendar file comes out as ``ConfigError``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from duban.config import Config
from duban.connectors import connect
from duban.connectors.limits import Pace
from duban.errors import ConfigError, Problem
from duban.notify.templates import check as check_templates
from duban.rules.book import Book, merge, read_book, read_packs
from duban.rules.calendar import Calendar
from duban.rules.compiled import CompiledBook
from duban.rules.waiverfile import read_waivers
from duban.rules.waivers import NO_WAIVERS, Waivers
from duban.sync.collector import calm_collector
from duban.sync.setup import HoldLimits, Setup, Source, working_calendar
from duban.yamlfile import Document, nearest

_LOG = logging.getLogger("duban.daemon")


def load_rules(packs: Sequence[str | Path]) -> CompiledBook:
    """Read, merge, check and compile packs."""
    with calm_collector():  # what is made here stays
        return CompiledBook(read_book(packs, [check_templates]))


def load_rules_with(packs: Sequence[str | Path], params: Mapping[str, str | Mapping[str, str]]) -> CompiledBook:
    """Return packs with parameters laid over them, as ``--set`` gives them: values, or values by key, as YAML texts."""
    documents = read_packs(packs, [check_templates])
    known = merge(documents).params
    for name in params:
        if name not in known:
            near = nearest(name, known)
            raise ConfigError(f"--set {name}: there is no such parameter" + (f"; did you mean {near}?" if near else ""))
    lines = ["params:"]
    for name, value in params.items():
        inside = value if isinstance(value, str) else ", ".join(f"{key}: {text}" for key, text in value.items())
        lines.append(f"  {name}: {inside if isinstance(value, str) else '{' + inside + '}'}")
    if params:
        documents.append(Document("\n".join(lines), "--set"))
    with calm_collector():
        return CompiledBook(merge(documents))


def load_waivers(config: Config, book: CompiledBook | None) -> Waivers:
    """Read the waivers files of a configuration; without a ``book`` the ids of rules are not checked."""
    tables = [(source.name, table.label) for source in config.sources for table in source.tables]
    names = dict.fromkeys((*(label for _, label in tables), *(f"{source}/{label}" for source, label in tables)))
    rules = None if book is None else book.book.rules
    return read_waivers(config.waivers, rules=rules, directory=config.directory, tables=names)


class Checked(NamedTuple):
    """What a configuration's other files say."""

    book: CompiledBook
    calendar: Calendar
    waivers: Waivers


def check_everything(config: Config) -> Checked:
    """Check rules, calendar and waivers together, so that the mistakes of all come at once."""
    problems: list[Problem] = []
    book: CompiledBook | None = None
    waivers = NO_WAIVERS
    try:
        book = load_rules(config.rules)
    except ConfigError as error:
        problems += error.problems
    try:
        waivers = load_waivers(config, book)
    except ConfigError as error:
        problems += error.problems
    params = book.params if book is not None else {}
    try:
        calendar = working_calendar(config.calendar, config.zone, params, config.directory)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    if problems or book is None:
        raise ConfigError(problems)
    return Checked(book, calendar, waivers)


def make_setup(config: Config, pace: Pace, *, accept_missing: bool = False) -> Setup:
    """Return what cycles of this configuration work with; ``close`` it when done."""
    book, calendar, waivers = check_everything(config)
    sources = tuple(
        Source(
            settings.name, settings.tool,
            connect(settings, zone=config.zone, pace=pace, directory=config.directory), settings.tables,
            {table.label: config.mode_of(settings.name, table.label) for table in settings.tables}, settings.interval,
        )
        for settings in config.sources
    )  # fmt: skip
    return Setup(
        sources, config.zone, config.language, book, calendar, config.directory,
        HoldLimits(config.limits.records, config.limits.share), config.fingerprint, config.admin, accept_missing,
        waivers=waivers,
    )  # fmt: skip


def with_new_waivers(config: Config, setup: Setup) -> Setup:
    """Return a setup with the waivers files as they are now: a daemon need not be restarted for an approval.

    Files that have mistakes are told in the log, and the approvals that were read before go on counting.
    """
    try:
        return replace(setup, waivers=load_waivers(config, setup.book)) if config.waivers else setup
    except ConfigError as error:
        _LOG.warning("waivers_kept: %s", error, extra={"action": "waivers_kept"})
        return setup


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
