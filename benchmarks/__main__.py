"""All benchmarks, one after the other: ``python -m benchmarks`` (about a quarter of an hour)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
SCRIPTS = ("start_up.py", "vendor_limits.py", "scale.py", "rules.py", "loading.py", "working_time.py")


def main() -> int:
    """Run every script and return the first exit code that is not 0."""
    codes = []
    for script in SCRIPTS:
        print(f"\n== {script}", flush=True)
        codes.append(subprocess.run([sys.executable, str(FOLDER / script)], check=False).returncode)
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    raise SystemExit(main())
