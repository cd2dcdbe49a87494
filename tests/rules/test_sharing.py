"""The loop over items says of every rule what its own function says."""

from __future__ import annotations

import ast
import random
from types import SimpleNamespace
from typing import Any

from benchmarks.rules import judging, tasks
from duban.rules.book import read_book
from duban.rules.compiled import CompiledBook
from duban.rules.language.types import RUNTIME
from duban.rules.sharing import _WAYS, loop

ENVIRONMENT = {**RUNTIME, "_pairs": {"moves": {("a", "b")}}, "_seconds": float, "__builtins__": {}}
WORLD = SimpleNamespace(today=3, now=4)


def items(count: int) -> list[Any]:
    dice = random.Random(count)

    def some(*values: Any) -> Any:
        return dice.choice((*values, None))

    return [
        SimpleNamespace(
            v=(some("a", "b"), some(1, 2, 3, 5), some(1, 4), some(("x",), ())), bad=some(frozenset("k")), hits=(),
            open=dice.random() < 0.5, lag_days=some(0, 1, 9), hidden=some("a", "c"),
            renewed=SimpleNamespace(previous_status=some("a", "b")),
        )
        for _ in range(count)
    ]  # fmt: skip


CONDITIONS = (
    "(c.open)", "(not c.open)", "(c.v[0] == 'a')", "not (c.v[0] == 'b')", "(c.v[0] != 'b')", "(True or True)", "(not False)",
    "(c.v[1] is not None and c.v[2] is not None and c.v[1] < c.v[2])", "_less(1, c.v[1])", "_at_most(c.v[1], c.v[2])",
    "_less(_subtract(_w.today, _seconds(2.0)), c.v[2])", "any((x == 'x') for x in (c.v[3] or ()) if c.open)",
    "((c.v[0] == 'a') or (_less(c.lag_days, 5)))", "((c.v[0] == 'a') or False)", "(not ((c.v[1] == 3) or False))",
    "((c.v[0], 'b') in _pairs['moves'])", "(c.hidden is not None and c.hidden != c.v[0])", "(False)",
    "(c.lag_days is not None and _w.now <= c.lag_days)", "(not (c.bad and 'k' in c.bad))", "bool_(c.v[3])",
)  # fmt: skip


def test_random_rules_hold_where_each_of_their_conditions_does() -> None:
    dice, subjects, held = random.Random(5), items(120), 0
    for _ in range(150):
        rules = {
            f"R{number}": [dice.choice(CONDITIONS) for _ in range(dice.randint(1, 5))] for number in range(dice.randint(0, 9))
        }
        for rule_id, sources in rules.items():  # as the compiler writes them: one conjunction after some guards
            if dice.random() < 0.5:
                rules[rule_id] = [sources[0], "(" + " and ".join(sources) + ")"]
        judge = loop(rules.items(), ENVIRONMENT)
        for subject in subjects:
            subject.hits = ("before",)
        judge(subjects, WORLD)
        functions = {
            rule_id: [eval(f"lambda c, _w: {source}", dict(ENVIRONMENT)) for source in sources]
            for rule_id, sources in rules.items()
        }
        for subject in subjects:
            expected = {rule_id for rule_id, tests in functions.items() if all(test(subject, WORLD) for test in tests)}
            assert subject.hits[0] == "before"
            assert sorted(subject.hits[1:]) == sorted(expected), rules
            held += len(expected)
    assert held > 2_000


def test_the_whole_pack_says_what_its_single_rules_say() -> None:
    book = CompiledBook(read_book(["guide"]))
    judged = judging(book, *tasks(400))
    found = set()
    for context in judged.world.contexts:
        rules = judged.rules_for(context)
        silent = [guard for guard in rules.guards if guard.test(context, judged.world)]
        holding = {
            rule_id
            for rule_id, ready in rules.rules.items()
            if ready.test(context, judged.world) and not any(guard.silences(rule_id) for guard in silent)
        }
        assert set(context.hits) == holding
        assert len(context.hits) == len(holding)
        found |= holding
    assert len(found) > 20


def test_properties_that_pass_on_a_slot_are_read_there() -> None:
    assert _WAYS["previous_status"] == ("renewed", "previous_status")
    assert _WAYS["alert_at"] == ("alert", "at")
    assert not {"upstream", "project", "status"} & set(_WAYS)
    for way in _WAYS.values():
        ast.parse(".".join(("c", *way)))
