"""The benchmarks compare equal things: their own checks, on few rows."""

from __future__ import annotations

import pytest

from benchmarks.engines import ENGINES, TEN
from benchmarks.loading import loaded, many_rules
from benchmarks.rules import book_of_ten, judging, row_of, tasks
from benchmarks.working_time import DAYS, PACKAGES, differing, intervals, office, ours

MODULES = {"zen-engine": "zen", "common-expression-language": "cel", "rule-engine": "rule_engine"}


@pytest.mark.parametrize("package", ENGINES)
def test_the_ten_rules_give_equal_results_in_every_engine(package: str) -> None:
    pytest.importorskip(MODULES[package], reason=f"{package} is compared with in benchmarks only; requirements-dev.lock")
    judged = judging(book_of_ten(), *tasks(600))
    truth = [[rule_id in context.hits for rule_id in TEN] for context in judged.world.contexts]
    assert all(any(column) and not all(column) for column in zip(*truth, strict=True))
    rows = [row_of(context) for context in judged.world.contexts]
    for name, prepare, ask in ENGINES[package]():
        answers = [[bool(said) for said in row] for row in ask(prepare(rows))]
        assert answers == truth, name


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("days", DAYS)
def test_working_time_is_equal_in_every_package(package: str, days: int) -> None:
    module, make = PACKAGES[package]
    pytest.importorskip(module, reason=f"{package} is compared with in benchmarks only; requirements-dev.lock has it")
    calendar = office()
    assert differing(ours(calendar), make(calendar), intervals(days, 5)) == 0


def test_the_large_rules_file_is_sound() -> None:
    text, messages = many_rules(150)
    parsed, whole, rules = loaded(text, messages)
    assert rules == 150
    assert 0 < parsed < whole
