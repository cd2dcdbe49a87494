"""Starting the three simulators with rows in them, and writing down how to reach them.

``open_sandbox`` serves; ``write_folder`` leaves a folder that every duban command works with while they serve. People
and scripts change cells by ``POST /_sandbox/edit`` (``{"row": "RD-02", "cells": {…}}``) and look at a service's rows
by ``GET /_sandbox/rows``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast, get_args

from duban.errors import ConfigError
from duban.sandbox.example.papers import SECRET_FILES, config_text, directory_text, json_text, state_document
from duban.sandbox.example.scenario import Scenario, Tool
from duban.sandbox.example.seed import Seeded, seed
from duban.sandbox.server import Fault, FaultKind

HEAD = "Written by duban for its simulated tools, and written anew by the next start; nothing here is worth keeping."
_LEDGER = ("duban.db", "duban.db-wal", "duban.db-shm", "duban.db-journal", "duban.db.lock")


@dataclass(frozen=True, slots=True)
class ToolFault:
    """One fault of one tool, as ``tool:kind[=status]:match[:times]`` says it."""

    tool: Tool
    fault: Fault


def read_fault(text: str) -> ToolFault:
    """Read a fault: ``feishu:drop_after:batch_update:1``, ``airtable:status=503:GET``. Raises ``ConfigError``."""
    parts = text.split(":")
    if len(parts) not in {2, 3, 4} or parts[0] not in get_args(Tool):
        form = "write tool:kind:match:times, such as feishu:drop_after:batch_update:1"
        raise ConfigError(f"the fault {text!r} is not understood; {form}")
    kind, _, status = parts[1].partition("=")
    times = parts[3] if len(parts) == 4 else "1"
    if kind not in get_args(FaultKind) or not times.isdigit() or not (status or "500").isdigit():
        kinds = ", ".join(get_args(FaultKind))
        raise ConfigError(f"the fault {text!r} is not understood; kinds are {kinds}, times and status are numbers")
    match = parts[2] if len(parts) > 2 else ""
    made = Fault(cast("FaultKind", kind), match, int(times), status=int(status or "500"))
    return ToolFault(cast("Tool", parts[0]), made)


@contextmanager
def open_sandbox(
    scenario: Scenario, *, ports: Mapping[Tool, int] | None = None, limits: bool = True,
    faults: Iterable[ToolFault] = (),
) -> Iterator[Seeded]:  # fmt: skip
    """Serve a scenario on loopback until the block is left. Raises ``ConfigError`` for a port that is taken."""
    seeded = seed(scenario)
    if not limits:
        switch_limits_off(seeded)
    for each in faults:
        fault = each.fault
        seeded.services[each.tool].fault(fault.kind, fault.match, times=fault.times, status=fault.status)
    add_controls(seeded)
    try:
        for tool in seeded.services:
            _start(seeded, tool, (ports or {}).get(tool, 0))
        yield seeded
    finally:
        for service in seeded.services.values():
            service.stop()


def _start(seeded: Seeded, tool: Tool, port: int) -> None:
    try:
        seeded.services[tool].start(port)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"the simulated {tool} cannot serve on port {port} ({reason}); choose another port") from None


def switch_limits_off(seeded: Seeded) -> None:
    """Let the services answer as fast as they are asked."""
    seeded.feishu.switches.limits_enabled = False
    seeded.airtable.switches.limits = "off"
    seeded.teambition.meter.limit = 1_000_000


def add_controls(seeded: Seeded) -> None:
    """Offer ``edit`` and ``rows`` under ``/_sandbox/`` of every service."""

    def edit(body: Any) -> Any:
        seeded.edit(str(body["row"]), body["cells"])
        return plain_cells(seeded.cells(str(body["row"])))

    for tool, service in seeded.services.items():
        service.controls |= {"edit": edit, "rows": partial(_rows, seeded, tool)}


def _rows(seeded: Seeded, tool: Tool, _body: Any) -> Any:
    places = [place for place in seeded.places.values() if place.sheet.tool == tool]
    return {
        place.sheet.label: {record: plain_cells(cells) for record, cells in place.rows().items()} for place in places
    }


def plain_cells(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Return cells as JSON: times as local texts, people as names."""
    return {heading: _plain(cell) for heading, cell in cells.items()}


def _plain(cell: Any) -> Any:
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, dict) and "name" in cell:
        return cell["name"]
    return [_plain(entry) for entry in cell] if isinstance(cell, list) else cell


# --- the folder


def write_folder(seeded: Seeded, folder: Path, *, language: Literal["zh", "en"] = "zh") -> Path:
    """Write configuration, directory, state and secrets into a folder, and return the configuration's path.

    An earlier folder of the same kind is made anew, ledger included; raises ``ConfigError`` for any other folder.
    """
    config = folder / "duban.yaml"
    try:
        _make_room(folder, config)
        _write(config, config_text(seeded, language=language, head=HEAD))
        _write(folder / "directory.yaml", directory_text(seeded))
        _write(folder / "state.json", json_text(state_document(seeded)))
        (folder / "secrets").mkdir(mode=0o700, exist_ok=True)
        for name, key in SECRET_FILES.items():
            _write(folder / "secrets" / name, getattr(seeded.keys, key) + "\n", secret=True)
    except OSError as error:
        reason = error.strerror or "?"
        raise ConfigError(f"the folder {folder} cannot be written ({reason}); choose another with --dir") from None
    return config


def _make_room(folder: Path, config: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        ours = config.is_file() and config.read_text(encoding="utf-8", errors="replace").startswith(f"# {HEAD}")
        if not ours:
            raise ConfigError(f"the folder {folder} holds something else; choose an empty or new one with --dir")
    folder.mkdir(parents=True, exist_ok=True)
    for name in _LEDGER:
        (folder / name).unlink(missing_ok=True)


def _write(path: Path, text: str, *, secret: bool = False) -> None:
    """Write a file; a secret can be read by its owner alone, from the first byte on."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
