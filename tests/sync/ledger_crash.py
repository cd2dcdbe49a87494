"""Kills a process that commits cycle after cycle, at random moments, and looks at the ledger after each kill.

    python ledger_crash.py URL ROUNDS whole|halves

``halves`` commits each cycle in two transactions, which the look must find out. Prints one JSON object: how many kills
hit an unfinished commit, and what was found wrong.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from duban.item import Ref, make_item
from duban.rules.memory import Alert, Memory
from duban.sync.ledger import Cycle, Intent, Ledger, Message, TableRead

NOW = datetime(2024, 7, 24, 2, 0, tzinfo=UTC)
REFS = [Ref("rd", "tasks", f"r{n}") for n in range(60)]


def cycle(number: int) -> Cycle:
    word = str(number)
    return Cycle(
        [TableRead("rd", "tasks", "complete", [make_item(ref, "task", {"title": word}) for ref in REFS])],
        {ref: Memory(human=word, alert=Alert(notices=number)) for ref in REFS},
        [Intent(ref, {"alert_text": word}, {}) for ref in REFS],
        [Message(word, "t", None, REFS[0], "", ("a",))],
    )


def work(url: str, first: int, mode: str, report: int) -> None:
    """Commit cycles until killed, saying before and after each one which it is."""
    with Ledger.open(url) as ledger:
        for number in range(first, first + 10_000):
            whole = cycle(number)
            parts = [whole] if mode == "whole" else [Cycle(tables=whole.tables), replace(whole, tables=())]
            os.write(report, b"(")
            for part in parts:
                ledger.commit_cycle(part, run=f"r{number}-{len(part.intents)}", now=NOW)
            os.write(report, b")")


def look(url: str, acknowledged: int) -> tuple[int, list[str]]:
    """Return the cycle that the ledger holds, and what is wrong with it."""
    wrong = []
    with Ledger.open(url) as ledger:
        with ledger._database.reading() as connection:
            if connection.dialect.name == "sqlite":
                verdict = connection.execute(text("PRAGMA integrity_check")).scalar()
                wrong += [] if verdict == "ok" else [str(verdict)]
        titles = {item.title for item in ledger.items("rd", "tasks")}
        known = ledger.memories([("rd", "tasks")])
        planned = {intent.cells["alert_text"] for intent in ledger.open_intents()}
        humans, notices = {m.human for m in known.values()}, {str(m.alert.notices) for m in known.values()}
        told = ledger.told()
        rows = (ledger.count("rd", "tasks"), len(known), len(ledger.open_intents()))
    if acknowledged == 0 and not titles:
        return 0, wrong
    held = max(map(int, titles))
    if not titles == humans == notices == planned == {str(held)} or rows != (len(REFS),) * 3:
        wrong.append(f"half a cycle: {titles} {humans} {notices} {planned} {rows}")
    if told != {str(number) for number in range(1, held + 1)}:
        wrong.append(f"messages {sorted(told)} at cycle {held}")
    if held < acknowledged:
        wrong.append(f"cycle {acknowledged} was committed, {held} is there")
    return held, wrong


def main(url: str, rounds: int, mode: str) -> None:
    held, inside, wrong = 0, 0, []
    Ledger.open(url).close()
    for _ in range(rounds):
        out, report = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(out)
            work(url, held + 1, mode, report)
        os.close(report)
        os.read(out, 1)  # it has begun
        time.sleep(random.uniform(0, 0.12))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        rest = Path(f"/dev/fd/{out}").read_bytes()
        os.close(out)
        inside += not rest.endswith(b")")
        held, found = look(url, held + rest.count(b")"))
        wrong += found
    sys.stdout.write(json.dumps({"inside": inside, "held": held, "wrong": wrong}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
