"""Missing values: every condition agrees with a strict three-valued interpreter of its tree."""

from __future__ import annotations

import operator
import random
from datetime import date, timedelta
from typing import Any

from rules_world import ZONE, at, clocks, given, guide

from duban.item import fields_of
from duban.rules.compilation import Compilation
from duban.rules.evaluate import judge
from duban.rules.givens import snapshot
from duban.rules.language import parse as tree
from duban.rules.language.contradiction import contradiction
from duban.rules.language.parse import LanguageError, parse
from duban.rules.selftest import DIRECTORY

NO_COLUMN = object()
UNMAPPED = ("planned_start", "reviewers", "output")
TEXTS = ("title", "stage", "output", "input_req")
DATES = ("due", "planned_start", "actual_finish")
LISTS = ("reviewers", "informed", "consulted")
NUMBERS = ("progress", "lag_days")
_WORDS = ('"甲"', '"乙"')
_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


# --- the interpreter: True, False or None (unknown)


class Strict:
    """Reads a tree over one item. Written without looking at the compiler: values are None when empty, NO_COLUMN when
    there is nothing to read; logic is Kleene's."""

    def __init__(self, item, lag_days) -> None:
        self.item, self.lag_days, self.bound = item, lag_days, {}
        self.unmapped = UNMAPPED

    def truth(self, node) -> bool | None:
        match node:
            case tree.Not():
                inner = self.truth(node.operand)
                return None if inner is None else not inner
            case tree.Junction():
                return self.joined(node.operator, [self.truth(term) for term in node.terms])
            case tree.Each(name="any" | "all"):
                return self.quantified(node)
            case tree.Call(name="empty" | "given" | "absent" | "mapped"):
                return self.asked(node)
            case tree.Binary(operator="matches"):
                text = self.value(node.left)
                return None if text is None or text is NO_COLUMN else node.right.value in text
            case tree.Binary(operator="in" | "not in"):
                return self.member(node)
            case tree.Binary():
                return self.compared(node.operator, self.value(node.left), self.value(node.right), node)
        raise AssertionError(node)

    @staticmethod
    def joined(operator_, found):
        decisive = operator_ == "or"
        if decisive in found:
            return decisive
        return None if None in found else not decisive

    def quantified(self, node):
        members = self.value(node.source)
        if members is NO_COLUMN:
            return None
        found = []
        for member in members or ():
            self.bound[node.variable] = member
            found.append(self.truth(node.body))
        return self.joined("or" if node.name == "any" else "and", found)

    def asked(self, node):
        value = self.value(node.arguments[0])
        if node.name == "mapped":
            return value is not NO_COLUMN
        if value is NO_COLUMN:
            return True if node.name == "absent" else None
        missing = value is None or value == ()
        return missing is (node.name != "given")

    def member(self, node):
        left = self.value(node.left)
        if isinstance(node.right, tree.ListOf):
            right = [self.value(part) for part in node.right.items]
        else:
            right = self.value(node.right)
        if left is NO_COLUMN or right is NO_COLUMN or (isinstance(right, list) and NO_COLUMN in right):
            return None
        return (left in (right or ())) is (node.operator == "in")

    @staticmethod
    def compared(sign, left, right, node):
        if left is NO_COLUMN or right is NO_COLUMN:
            return None
        if sign in {"==", "!="}:
            if isinstance(node.right, tree.Literal) and node.right.value is None:
                return (left is None or left == ()) is (sign == "==")
            return (left == right) is (sign == "==")
        return None if left is None or right is None else _ORDER[sign](left, right)

    def value(self, node) -> Any:
        match node:
            case tree.Literal():
                return node.value
            case tree.Name():
                return self.named(node.name)
            case tree.Binary():
                left, right = self.value(node.left), self.value(node.right)
                if NO_COLUMN in (left, right):
                    return NO_COLUMN
                if left is None or right is None:
                    return None
                return left + right if node.operator == "+" else left - right
            case tree.Call(name="count"):
                members = self.value(node.arguments[0])
                return NO_COLUMN if members is NO_COLUMN else len(members or ())
            case tree.Each(name="count"):
                members = self.value(node.source)
                if members is NO_COLUMN:
                    return NO_COLUMN
                found = 0
                for member in members or ():
                    self.bound[node.variable] = member
                    found += self.truth(node.body) is True
                return found
        raise AssertionError(node)

    def named(self, name):
        if name in self.bound:
            return self.bound[name]
        if name in self.unmapped:
            return NO_COLUMN
        if name == "today":
            return date(2024, 7, 10)
        return self.lag_days if name == "lag_days" else self.item.get(name)


# --- random conditions and items


class Writer:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def condition(self, depth: int, bound: str = "") -> str:
        pick = self.chance.random()
        if depth > 0 and pick < 0.55:
            inner = [self.condition(depth - 1, bound) for _ in range(self.chance.randint(2, 3))]
            return f"({self.chance.choice([' and ', ' or ', ' 且 ', ' || ']).join(inner)})"
        if depth > 0 and pick < 0.75:
            return f"not ({self.condition(depth - 1, bound)})"
        return self.leaf(depth, bound)

    def leaf(self, depth: int, bound: str) -> str:
        one = self.chance.choice
        forms = [
            lambda: f"{one(DATES)} {one(['<', '<=', '>', '>=', '==', '!='])} {one([*DATES[:2], 'today'])}",
            lambda: f"{one(DATES)} + {one(['1d', '3d'])} {one(['<', '>=', '=='])} today",
            lambda: f"{one(NUMBERS)} {one(['<', '<=', '>', '>=', '==', '!='])} {one(['0', '3', '50'])}",
            lambda: f"{one(NUMBERS)} - {one(NUMBERS)} {one(['<', '>'])} {one(['0', '10'])}",
            lambda: f'{one([*TEXTS, bound] if bound else TEXTS)} {one(["==", "!="])} {one([*_WORDS, *TEXTS])}',
            lambda: f'{one(TEXTS)} {one(["in", "not in"])} ["甲", {one([*_WORDS, *TEXTS])}]',
            lambda: f'{one(TEXTS)} {one(["in", "not in"])} {one(LISTS)}',
            lambda: f'{one(TEXTS)} matches "甲"',
            lambda: f"{one(['empty', 'given', 'absent', 'mapped'])}({one([*TEXTS, *DATES, *LISTS])})",
            lambda: f"{one([*TEXTS, *DATES])} {one(['==', '!='])} null",
            lambda: f"count({one(LISTS)}) {one(['==', '>', '<='])} {one(['0', '1'])}",
        ]
        if not bound and depth >= 0:
            forms += [lambda: self.over(depth)] * 3
        return one(forms)()

    def over(self, depth: int) -> str:
        name, listed = self.chance.choice(["any", "all", "count"]), self.chance.choice(LISTS)
        body = self.condition(max(depth - 2, 0), bound="d")
        return f"count(d in {listed}, {body}) >= 1" if name == "count" else f"{name}(d in {listed}, {body})"


def items(chance: random.Random):
    entries = []
    for number in range(60):
        entry: dict[str, Any] = {"of": "task", "code": f"T{number}", "status": chance.choice(["进行中", "已完成", "快好了"])}
        for key in TEXTS:
            entry[key] = chance.choice([None, "甲", "乙", "丙"])
        for key in DATES:
            day = date(2024, 7, 10) + timedelta(days=chance.randint(-4, 4))
            entry[key] = chance.choice([None, None, day.isoformat()])
        for key in LISTS:
            entry[key] = chance.choice([None, ["甲"], ["乙", "丙"], ["甲", "乙", "丙"]])
        entry["progress"] = chance.choice([None, 0, 3, 50, 100])
        entries.append(entry)
    return entries


def test_every_condition_agrees_with_the_strict_interpreter():
    chance = random.Random(20240724)
    shot = snapshot(given(*items(chance)), {"task": UNMAPPED}, DIRECTORY, ZONE, None)
    judging = judge(guide(), shot, now=at("2024-07-10 10:00"), zone=ZONE, clocks=clocks(), directory=DIRECTORY)
    mapped = frozenset(field.key for field in fields_of("task")) - set(UNMAPPED)
    compilation, writer = Compilation(guide().book), Writer(chance)
    seen = {True: 0, False: 0, None: 0}
    conditions = 0
    while conditions < 500:
        text = writer.condition(3)
        node = parse(text)
        try:
            sources = [compilation.compiler("task", mapped).truth(node, positive) for positive in (True, False)]
        except LanguageError:  # too long or too deep
            continue
        conditions += 1
        yes, no = map(compilation.function, sources)
        for context in judging.world.contexts:
            wanted = Strict(context.item, context.lag_days).truth(node)
            found = (bool(yes(context, judging.world)), bool(no(context, judging.world)))
            assert found == (wanted is True, wanted is False), f"{text} on {context.item.code}"
            seen[wanted] += 1
    assert min(seen.values()) > 2_000, seen


class Narrow(Writer):
    """Conditions over few values, so that many contradict themselves."""

    def leaf(self, depth: int, bound: str) -> str:
        one = self.chance.choice
        forms = [
            f"due {one(['<', '<=', '>', '>='])} today", f"progress {one(['<', '<=', '>', '>=', '==', '!='])} {one(['3', '50'])}",
            f'title {one(["==", "!="])} {one(_WORDS)}', f'title {one(["in", "not in"])} ["甲", "乙"]',
            f"{one(['empty', 'given'])}({one(['title', 'due', 'reviewers'])})", f"count(reviewers) {one(['==', '>', '<=', '>='])} {one(['0', '1'])}",
            f"lag_days {one(['<', '>='])} 0", f'any(d in reviewers, d {one(["==", "!="])} {one(_WORDS)})',
            f'{one(_WORDS)} {one(["in", "not in"])} reviewers',
        ]  # fmt: skip
        return one(forms)


def test_what_is_said_to_be_impossible_is():
    """With a part struck out that never holds, or always does, no item for which the condition was decided is judged
    another way."""
    chance = random.Random(42)
    shot = snapshot(given(*items(chance)), {}, DIRECTORY, ZONE, None)
    judging = judge(guide(), shot, now=at("2024-07-10 10:00"), zone=ZONE, clocks=clocks(), directory=DIRECTORY)
    compilation, writer = Compilation(guide().book), Narrow(chance)
    words = {"is never false": "unfailing", "every item": "always", "always holds": "always", "never hold": "never",
             "twice": "twice"}  # fmt: skip
    instead = {"unfailing": "today == today", "always": "today == today", "never": "today != today"}
    told = dict.fromkeys(words.values(), 0)
    strict = [Strict(context.item, context.lag_days) for context in judging.world.contexts]
    for each in strict:
        each.unmapped = ()
    for _ in range(2_500):
        text = writer.condition(2)
        try:
            node, compiler = parse(text), compilation.compiler("task")
            compiler.truth(node)
        except LanguageError:  # too long or too deep
            continue
        found = contradiction(node, compiler)
        if found is None:
            continue
        sort = next(words[word] for word in words if word in found.message)
        told[sort] += 1
        if sort not in instead:
            continue
        struck = parse(f"{text[: found.start]}({instead[sort]}){text[found.end :]}")
        for each in strict:
            before, after = each.truth(node), each.truth(struck)
            assert before is None or (before is after), (text, str(found))
    assert min(told.values()) > 15, told


def test_a_condition_used_as_a_value_keeps_its_third_state():
    shot = snapshot(given({"of": "task", "code": "T1", "status": "快好了"}), {}, DIRECTORY, ZONE, None)
    judging = judge(guide(), shot, now=at("2024-07-10 10:00"), zone=ZONE, clocks=clocks(), directory=DIRECTORY)
    compilation = Compilation(guide().book)

    def holds(text: str) -> bool:
        source = compilation.compiler("task").truth(parse(text))
        return bool(compilation.function(source)(judging.world.contexts[0], judging.world))

    assert not holds("lag_days > 3")  # no lag: the status is unknown
    assert not holds("(lag_days > 3) == false")
    assert not holds("not ((lag_days > 3) == true or lag_days > 3)")
    assert holds("(lag_days > 3) != true")  # == and != are total
