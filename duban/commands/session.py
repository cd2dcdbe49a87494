"""What every command shares: its options, the moment it judges at, and everything opened and closed around it."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from duban.assembly import close, make_setup
from duban.config import Config, load_config
from duban.connectors.limits import Pace
from duban.errors import ConfigError
from duban.screen import Screen
from duban.sync.ledger import Ledger
from duban.sync.setup import Setup

ConfigOption = Annotated[Path, typer.Option("-c", "--config", help="the configuration file")]
NowOption = Annotated[
    str | None, typer.Option("--now", help="judge at this moment, ISO 8601 with offset (default: the clock)")
]
SourceOption = Annotated[list[str] | None, typer.Option("--source", help="only this source (repeatable)")]
JsonOption = Annotated[bool, typer.Option("--json", help="print one JSON document")]
AcceptOption = Annotated[bool, typer.Option("--accept-missing", help="believe reads that lost most rows or columns")]
DEFAULT = Path("duban.yaml")

STOP = threading.Event()  # set by the first SIGTERM or SIGINT: stop between two requests


@dataclass(frozen=True, slots=True)
class Session:
    """What one command works with."""

    config: Config
    setup: Setup
    ledger: Ledger
    now: datetime
    screen: Screen
    pace: Pace


@contextmanager
def session(
    config_path: Path, now: str | None, sources: list[str] | None, *, writing: bool = False, accept: bool = False
) -> Iterator[Session]:
    """Open everything that a command needs, and close it whatever happens. Without ``writing`` the ledger is only
    looked at."""
    moment = parse_now(now)
    config = load_config(config_path)
    for name in sources or []:
        config.source(name)
    with opened_ledger(config, writing=writing) as ledger:
        slots = ledger.slots(time.time) if writing else None
        pace = Pace(slots, STOP)
        setup = make_setup(config, pace, accept_missing=accept).only(sources or [])
        try:
            yield Session(config, setup, ledger, moment, Screen(config.language, config.zone), pace)
        finally:
            close(setup)
            if slots is not None:
                slots.close()


@contextmanager
def opened_ledger(config: Config, *, writing: bool) -> Iterator[Ledger]:
    """Open the configuration's ledger, to work with it or only to look."""
    url = config.state.reveal()
    with Ledger.open(url, zone=config.zone) if writing else Ledger.peek(url, zone=config.zone) as ledger:
        yield ledger


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
    return moment


def wall() -> datetime:
    """Return the clock's present, for dating runs."""
    return datetime.now(UTC)


def print_json(document: Any) -> None:
    """Print one JSON document, and nothing else, on standard output."""
    json.dump(document, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")
