"""Commands that look at rules through time: rules restate, rules backtest. Neither reads a tool or writes anything."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from duban.assembly import load_rules_with
from duban.commands.options import DEFAULT, ConfigOption, JsonOption, NowOption, SourceOption, print_json
from duban.commands.session import Session, session
from duban.errors import ConfigError
from duban.rules.compiled import CompiledBook
from duban.sync.backtest import backtest as replay
from duban.sync.comparison import backtest_document, backtest_lines, restatement_document, restatement_lines
from duban.sync.history import with_rules
from duban.sync.restating import restate as compare

FilesOption = Annotated[
    list[Path] | None, typer.Option("--rules", "--against", help="a rules file laid over those of the configuration")
]
SettingsOption = Annotated[
    list[str] | None, typer.Option("--set", help="a parameter to try, like issue_response.hours=4 (repeatable)")
]
_SETTING = re.compile(r"([^=.\s]+)(?:\.([^=.\s]+))?=(.+)\Z", re.DOTALL)


def restate(
    config: ConfigOption = DEFAULT,
    now: NowOption = None,
    source: SourceOption = None,
    rules: FilesOption = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what changed rules would change on open items, by what the last run read; writes nothing."""
    with session(config, now, source) as s:
        setup = with_rules(s.setup, _changed(s, rules, settings) or s.setup.book)
        found = compare(setup, s.ledger, now=s.now)
        if source:
            found = replace(found, items=[each for each in found.items if each.item.ref.source in source])
        if as_json:
            print_json(restatement_document(found, s.config.zone))
        else:
            _print(restatement_lines(found, s.config.language, s.config.zone))


def backtest(
    since: Annotated[str, typer.Option("--since", help="replay from this day (2024-07-01) or moment on")],
    until: Annotated[str | None, typer.Option("--until", help="up to the end of this day (default: now)")] = None,
    config: ConfigOption = DEFAULT,
    now: NowOption = None,
    source: SourceOption = None,
    rules: FilesOption = None,
    settings: SettingsOption = None,
    every_run: Annotated[
        bool, typer.Option("--every-run", help="judge every recorded run, not only changes and one an hour")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Replay the recorded history and count the warnings there would have been, by rule, department and week."""
    with session(config, now, source) as s:
        zone = s.config.zone
        start = _moment(since, zone, "--since")
        end = min(s.now, _moment(until, zone, "--until", end=True)) if until else s.now
        if end < start:
            raise ConfigError(f"--since {since} is after the end, {end.astimezone(zone):%Y-%m-%d}; swap them")
        book = _changed(s, rules, settings)
        found = replay(
            s.setup.only([]), s.ledger, since=start, until=end,
            changed=with_rules(s.setup.only([]), book) if book is not None else None, every_run=every_run,
            sources=source or (), progress=_progress,
        )  # fmt: skip
        if as_json:
            print_json(backtest_document(found, zone))
        else:
            _print(backtest_lines(found, s.config.language, zone))


def _changed(s: Session, files: Sequence[Path] | None, settings: Sequence[str] | None) -> CompiledBook | None:
    """Return the rules with files and parameters laid over them; ``None`` where nothing is."""
    if not files and not settings:
        return None
    params: dict[str, dict[str, str] | str] = {}
    for each in settings or ():
        match = _SETTING.match(each)
        if match is None:
            raise ConfigError(f"--set {each!r} is no parameter; write it like issue_response.hours=4")
        name, key, value = match.groups()
        if key is None:
            params[name] = value
        else:
            inside = params.setdefault(name, {})
            if isinstance(inside, str):
                raise ConfigError(f"--set {each!r}: {name} was set as a whole before; set its keys only")
            inside[key] = value
    return load_rules_with([*s.config.rules, *(files or ())], params)


def _moment(text: str, zone: ZoneInfo, option: str, *, end: bool = False) -> datetime:
    """Return a day's beginning (or its end), or a moment with its offset."""
    try:
        if len(text) == len("2024-07-01"):
            day = date.fromisoformat(text)
            return datetime.combine(day + timedelta(days=1) if end else day, time(0), zone) - (
                timedelta(microseconds=1) if end else timedelta(0)
            )
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ConfigError(f"{option} {text!r} is not a day or a moment; write it like 2024-07-01") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def _progress(which: str, done: int, count: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{which} {done}/{count}" + ("\n" if done == count else ""))
        sys.stderr.flush()


def _print(lines: Iterable[str]) -> None:
    console = Console(highlight=False, soft_wrap=True, markup=False)
    for line in lines:
        console.print(line)
