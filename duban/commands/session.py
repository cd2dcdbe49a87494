"""What every command shares: its options, the moment it judges at, and everything opened and closed around it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from duban.assembly import close, ledger_file, make_setup
from duban.commands.options import parse_now
from duban.commands.stopping import STOP
from duban.config import Config, load_config
from duban.connectors.limits import LocalGates, Pace, Slots
from duban.connectors.settings import Secret
from duban.screen import Screen
from duban.sync.ledger import Ledger, LedgerSlots
from duban.sync.setup import Setup


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
        pace = Pace(_shared(slots, config), STOP)
        setup = make_setup(config, pace, accept_missing=accept).only(sources or [])
        try:
            yield Session(config, setup, ledger, moment, Screen(config.language, config.zone), pace)
        finally:
            close(setup)
            if slots is not None:
                slots.close()


def secrets_of(config: Config) -> tuple[str, ...]:
    """Return everything secret that a configuration holds, to be kept out of texts."""
    values = [getattr(source, name) for source in config.sources for name in type(source).model_fields]
    password = urlsplit(config.state.reveal()).password
    return (*(value.reveal() for value in values if isinstance(value, Secret)), *([password] if password else []))


def _shared(slots: LedgerSlots | None, config: Config) -> Slots | None:
    """Runs on one machine take turns at writing (``sync.turns``), so their gates need not outlive a killed run."""
    return LocalGates(slots) if slots is not None and ledger_file(config) is not None else slots


@contextmanager
def opened_ledger(config: Config, *, writing: bool) -> Iterator[Ledger]:
    """Open the configuration's ledger, to work with it or only to look."""
    url = config.state.reveal()
    with Ledger.open(url, zone=config.zone) if writing else Ledger.peek(url, zone=config.zone) as ledger:
        yield ledger
