"""The options that commands share, the moment they judge at, and how they print JSON."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from duban.errors import ConfigError

ConfigOption = Annotated[Path, typer.Option("-c", "--config", help="the configuration file")]
NowOption = Annotated[
    str | None, typer.Option("--now", help="judge at this moment, ISO 8601 with offset (default: the clock)")
]
SourceOption = Annotated[list[str] | None, typer.Option("--source", help="only this source (repeatable)")]
JsonOption = Annotated[bool, typer.Option("--json", help="print one JSON document")]
AcceptOption = Annotated[bool, typer.Option("--accept-missing", help="believe reads that lost most rows or columns")]
DEFAULT = Path("duban.yaml")
_YEARS = (1970, 2200)  # of --now: beyond, clocks would run past the last day that Python knows


def parse_now(text: str | None) -> datetime:
    """Return ``--now``, else the clock's present: with the daemon's loop the only place that asks the clock."""
    if text is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--now {text!r} is not a time; write it like 2024-07-24T10:00:00+08:00") from None
    if moment.tzinfo is None:
        raise ConfigError(f"--now {text!r} has no offset; write it like {text}+08:00")
    if not _YEARS[0] <= moment.year <= _YEARS[1]:
        raise ConfigError(f"--now {text!r} is out of reach; write a year from {_YEARS[0]} to {_YEARS[1]}")
    return moment


def wall() -> datetime:
    """Return the clock's present, for dating runs."""
    return datetime.now(UTC)


def print_json(document: Any) -> None:
    """Print one JSON document, and nothing else, on standard output."""
    sys.stdout.write(json_text(document, sys.stdout.encoding or "utf-8"))


def save_json(path: Path, document: Any) -> None:
    """Write one JSON document into a file."""
    try:
        path.write_text(json_text(document, "utf-8"), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}; name another file with -o") from None


def json_text(document: Any, encoding: str) -> str:
    """Return a document as JSON that this encoding can carry: a broken emoji of a cell, or a terminal that is not
    Unicode, gets escapes."""
    text = json.dumps(document, ensure_ascii=False, indent=2)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = json.dumps(document, indent=2)
    return text + "\n"
