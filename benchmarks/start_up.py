"""How long the command line takes to start, against importing requests in the same interpreter.

    python benchmarks/start_up.py [--rounds 7] [--imports]

Wall time of whole processes, rounds interleaved, medians: ``python -c pass``, ``python -c "import requests"``,
``duban --help`` and ``duban check`` on the smallest valid configuration (one csv file, the guide's
rules: parsed, merged, compiled) and on one with all four tools. ``--imports`` prints which modules the start of
``duban --help`` spends its time on (``-X importtime``).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SMALLEST = """\
sources:
  - name: plan
    tool: workbook
    path: plan.csv
    tables:
      - name: tasks
        holds: task
"""
FOUR_TOOLS = (
    SMALLEST
    + """\
  - name: rd
    tool: teambition
    app_id: ${DUBAN_BENCH}
    app_secret: ${DUBAN_BENCH}
    organization: 5f0000000000000000000001
    operator: 5f0000000000000000000002
    tables: [{name: rd_tasks, project: 65f000000000000000000001, holds: task}]
  - name: market
    tool: feishu
    app_id: ${DUBAN_BENCH}
    app_secret: ${DUBAN_BENCH}
    tables: [{name: market_tasks, app: bascnXXXXXXXX, table: tblXXXXXXXX, holds: task}]
  - name: sales
    tool: airtable
    token: ${DUBAN_BENCH}
    base: appXXXXXXXXXXXXXX
    tables: [{name: channel, table: tblZZZZZZZZZZZZZZ, holds: task}]
"""
)
HEADINGS = "任务编号,任务名称,负责人,状态,截止日期\n"


def commands(folder: Path) -> dict[str, list[str]]:
    for name, text in (("small.yaml", SMALLEST), ("four.yaml", FOUR_TOOLS), ("plan.csv", HEADINGS)):
        (folder / name).write_text(text, encoding="utf-8")
    duban = [sys.executable, "-m", "duban"]
    return {
        "python -c pass": [sys.executable, "-c", "pass"],
        'python -c "import requests"': [sys.executable, "-c", "import requests"],
        "duban --help": [*duban, "--help"],
        "duban check, one csv": [*duban, "check", "-c", "small.yaml"],
        "duban check, four tools": [*duban, "check", "-c", "four.yaml"],
    }


def wall(command: list[str], folder: Path) -> float:
    paths = [str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "DUBAN_BENCH": "a-secret-of-the-benchmark", "PYTHONPATH": os.pathsep.join(paths)}
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    took = time.perf_counter() - begin
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ends with {done.returncode}: {done.stderr.strip() or done.stdout}")
    return took


def print_imports() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "duban", "--help"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = [line.removeprefix("import time:").split("|") for line in done.stderr.splitlines() if "|" in line]
    known = [(int(own), int(whole), name.rstrip()) for own, whole, name in lines if own.strip().isdigit()]
    print("own ms  whole ms  module (by whole, from 5 ms)")
    for own, whole, name in sorted(known, key=lambda entry: -entry[1]):
        if whole >= 5_000:
            print(f"{own / 1e3:6.1f} {whole / 1e3:9.1f} {name}")


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--imports", action="store_true", help="print what the start of duban --help imports")
    chosen = options.parse_args()
    if chosen.imports:
        print_imports()
        return
    with tempfile.TemporaryDirectory(prefix="start-up-") as name:
        folder = Path(name)
        lines = commands(folder)
        took: dict[str, list[float]] = {title: [] for title in lines}
        for command in lines.values():  # once unmeasured: compiled files and the disk's cache
            wall(command, folder)
        for _ in range(chosen.rounds):
            for title, command in lines.items():
                took[title].append(wall(command, folder))
    anchor = statistics.median(took['python -c "import requests"'])
    print("| command | median ms | ratio to import requests |\n|---|---|---|")
    for title, times in took.items():
        print(f"| {title} | {statistics.median(times) * 1e3:.0f} | {statistics.median(times) / anchor:.2f} |")


if __name__ == "__main__":
    main()
