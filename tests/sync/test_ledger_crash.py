"""A ledger whose process is killed at random moments holds whole cycles only."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("ledger_crash.py")


def crash(url: str, rounds: int, mode: str) -> Any:
    command = [sys.executable, "-W", "error", str(SCRIPT), url, str(rounds), mode]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_twenty_kills_leave_whole_cycles(tmp_path: Path) -> None:
    found = crash(f"sqlite:///{tmp_path}/duban.db", 20, "whole")
    assert found["wrong"] == []
    assert found["inside"] >= 5, "too few kills hit an unfinished commit to mean anything"
    assert found["held"] >= 1


def test_the_look_finds_half_a_cycle(tmp_path: Path) -> None:
    found = crash(f"sqlite:///{tmp_path}/duban.db", 20, "halves")
    assert any("half a cycle" in wrong for wrong in found["wrong"])
