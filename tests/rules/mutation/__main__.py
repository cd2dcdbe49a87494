"""``python -m tests.rules.mutation [WORD…]``: mutate the shipped pack, run its tests; words pick rules by their id."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from duban.rules.book import pack_files
from duban.yamlfile import read_document

from .mutants import mutants
from .running import Trial, rate, summary

ENOUGH = 90.0  # percent of the mutants that load


def main(words: Sequence[str]) -> int:
    """Print the survivors and the counts; 1 where fewer than :data:`ENOUGH` percent are killed."""
    rules, *others = map(read_document, (*pack_files("guide"), *pack_files("guide_tests")))
    trial = Trial(rules, others)
    chosen = [mutant for mutant in mutants(rules) if not words or any(word in mutant.of for word in words)]
    outcomes = []
    for number, outcome in enumerate(trial.outcomes(chosen), 1):
        outcomes.append(outcome)
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{number} of {len(chosen)}")
    sys.stdout.writelines(f"{line}\n" for line in summary(outcomes))
    return 0 if rate(outcomes) >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
