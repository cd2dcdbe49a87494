"""Two runs on one ledger take turns; a run that was killed keeps nobody waiting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from duban.errors import StateError
from duban.sync.turns import turns

_HOLD = """
import sys, threading
from pathlib import Path
from duban.sync.turns import turns
with turns(Path(sys.argv[1]), threading.Event())():
    print("held", flush=True)
    threading.Event().wait(30)
"""


def test_another_process_is_waited_for_and_a_killed_one_is_not(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(ledger)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with holder, holder.stdout:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StateError, match="another duban is at work"), turns(ledger, threading.Event(), 0.1)():
            raise AssertionError("two at once")
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    with turns(ledger, threading.Event(), 5)():
        pass


def test_threads_of_one_process_take_turns(tmp_path: Path) -> None:
    for file in (None, tmp_path / "ledger.db"):
        turn, inside, most = turns(file, threading.Event()), list[int](), 0
        lock = threading.Lock()

        def work(turn=turn, inside=inside, lock=lock) -> None:
            nonlocal most
            with turn():
                with lock:
                    inside.append(1)
                    most = max(most, len(inside))
                with lock:
                    inside.pop()

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert most == 1
