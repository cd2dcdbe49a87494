"""The example as the end-to-end tests play it: three served simulators, a folder, and the real command line."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from duban import cli
from duban.commands.stopping import STOP
from duban.sandbox.example.scenario import Scenario, read_scenario
from duban.sandbox.example.seed import Seeded
from duban.sandbox.launch import open_sandbox, write_folder

KEY = yaml.safe_load((Path(__file__).parent.parent / "data" / "key.yaml").read_text(encoding="utf-8"))
NOW = "2024-07-24T10:00:00+08:00"
# Teambition moves this property by itself whenever anything is written, duban's cells too (convention C17).
MOVED_BY_THE_TOOL = {"更新时间"}


@dataclass(frozen=True)
class Done:
    """What a command said: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def duban(*words: str | Path) -> Done:
    """Run the command line in this process, from the words to the exit code."""
    out, err, argv = io.StringIO(), io.StringIO(), sys.argv
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    sys.argv = ["duban", *map(str, words)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.argv = argv
        STOP.clear()
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert isinstance(code, int)
    return Done(code, out.getvalue(), err.getvalue())


def environment() -> dict[str, str]:
    """Return this process's environment without proxies, which would stand between duban and loopback."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def process(*words: str | Path) -> subprocess.Popen[str]:
    """Start the command line as a process of its own."""
    command = [sys.executable, "-m", "duban", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())


def run(*words: str | Path) -> Done:
    """Run the command line as a process of its own, to its end."""
    with process(*words) as started:
        out, err = started.communicate(timeout=60)
    return Done(started.returncode, out, err)


@dataclass(frozen=True)
class World:
    """Three simulators with rows in them, and the folder of the commands that work on them."""

    seeded: Seeded
    folder: Path
    config: Path

    @property
    def ledger(self) -> Path:
        return self.folder / "duban.db"

    def import_state(self) -> None:
        done = duban("state", "import", self.folder / "state.json", "-c", self.config, "--now", NOW)
        assert done.code == 0, done.err

    def sync(self, *more: str, now: str = NOW) -> Done:
        return duban("sync", "-c", self.config, "--now", now, "--json", *more)

    def change_config(self, **changes: Any) -> None:
        """Change keys of duban.yaml, those of sources by their name."""
        data = yaml.safe_load(self.config.read_text(encoding="utf-8"))
        data |= {key: value for key, value in changes.items() if key != "sources"}
        for source in data["sources"]:
            source.update(changes.get("sources", {}).get(source["name"], {}))
        self.config.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")

    # --- what the tools hold

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return every cell of every tool, by row of the scenario."""
        found = {}
        for place in self.seeded.places.values():
            rows = place.rows()
            found |= {name: rows[record] for name, record in place.records.items() if record in rows}
        return found

    def own(self) -> dict[str, dict[str, Any]]:
        """Return duban's own cells, by row."""
        return {name: {h: cell for h, cell in cells.items() if h in self._own(name)} for name, cells in self.rows().items()}

    def human(self) -> dict[str, dict[str, Any]]:
        """Return everybody else's cells, by row."""
        return {
            name: {h: cell for h, cell in cells.items() if h not in self._own(name) and h not in MOVED_BY_THE_TOOL}
            for name, cells in self.rows().items()
        }

    def _own(self, name: str) -> set[str]:
        return set(self.seeded.place_of(name).sheet.own)

    def item(self, document: Any, name: str) -> Any:
        """Return a row's entry in a findings document."""
        place = self.seeded.place_of(name)
        wanted = (place.sheet.source, place.sheet.label, place.records[name])
        return next(i for i in document["items"] if (i["source"], i["table"], i["record"]) == wanted)

    def names(self, *labels: str) -> set[str]:
        """Return the rows of some tables."""
        return {name for place in self.seeded.places.values() if place.sheet.label in labels for name in place.records}

    @property
    def journal(self) -> list[Any]:
        """Return what the tools were asked, Feishu first."""
        return [entry for service in self.seeded.services.values() for entry in service.journal]


@contextmanager
def world(folder: Path, scenario: Scenario | None = None, *, limits: bool = True) -> Iterator[World]:
    """Serve a scenario, the guide's example when none is given, with the services' limits on."""
    with open_sandbox(scenario or read_scenario(), limits=limits) as seeded:
        yield World(seeded, folder, write_folder(seeded, folder))


def only(scenario: Scenario, *sheets: str, rows: set[str] | None = None) -> Scenario:
    """Return a scenario cut down to some tables, and to some of their rows."""
    lines = tuple(line for line in scenario.lines if line.sheet in sheets and (rows is None or line.name in rows))
    return replace(scenario, sheets={key: scenario.sheets[key] for key in sheets}, lines=lines)
