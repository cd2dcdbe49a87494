"""Rules files -> one book of rules: read, merged over each other, checked. The admin's errors are found here.

A pack is a list of files; a later file overrides rules by id and key, parameters by key, patterns, clocks, tables of
pairs and message templates by name. The shipped pack is an ordinary file. What a valid entry may say is :mod:`entries`;
what its conditions mean is compiled in :mod:`compiled`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from duban.errors import ConfigError, Problem
from duban.rules.entries import ClockEntry, Expectation, LadderEntry, RuleEntry, RulesFile, SuppressionEntry, TestEntry
from duban.rules.parameters import parameter_faults
from duban.yamlfile import Document, nearest, read_document

_WORD = re.compile(r"'([^']*)'")
_NAME = re.compile(r"[A-Za-z_\u3400-\u9fff][A-Za-z0-9_\u3400-\u9fff%]*")
MOST_PROBLEMS = 200  # nobody reads more at once
_SENTENCES = {
    "model_type": "here must stand keys with values, like id: TEAM-01",
    "dict_type": "here must stand keys with values",
    "mapping_type": "here must stand keys with values",
    "tuple_type": "a list is needed here, like [a, b]",
    "list_type": "a list is needed here, like [a, b]",
    "string_type": "a text is needed here; put it in quotes",
    "int_type": "a whole number is needed here",
    "float_type": "a number is needed here",
    "bool_parsing": "true or false is needed here",
    "bool_type": "true or false is needed here",
}
# guide_tests holds the tests of the guide: laid over it by `duban rules test`, of no use to a cycle.
SHIPPED = {
    "guide": ("guide.yaml", "messages.yaml"),
    "guide_tests": tuple(
        f"tests/{part}.yaml" for part in ("kickoff", "rhythm", "tasks", "events", "ladder", "closing")
    ),
}
# Parameters that the engine itself reads: the ladder, the calendar's week, the state of a clock.
ENGINE_PARAMS = frozenset({
    "explain", "escalate_after_explain", "lag_unit", "due_on_nonworkday", "review_stops_lag", "weekly_lookback_weeks",
    "sla_soon_fraction", "work_windows",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file, for messages about it."""

    document: Document
    location: tuple[str | int, ...]

    def problem(
        self, message: str, *, part: Sequence[str | int] = (), offset: int = 0, width: int = 0, on_key: bool = False
    ) -> Problem:
        """Return a problem at this place or at a part of it."""
        return self.document.problem((*self.location, *part), message, offset=offset, width=width, on_key=on_key)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as it is in force, and where each of its keys was written."""

    id: str
    entry: RuleEntry
    places: Mapping[str, Place]

    def place(self, key: str) -> Place:
        """Return where a key was written, or the rule itself."""
        return self.places.get(key, self.places["id"])

    def clock_of(self, kind: str) -> str | None:
        """Return the clock that the rule reads for a kind of item."""
        clock = self.entry.clock
        return clock.get(kind) if isinstance(clock, Mapping) else clock

    def message_of(self, kind: str) -> str | None:
        """Return the rule's message template for a kind of item, ``None`` for the generic one."""
        message = self.entry.msg
        return message.get(kind) if isinstance(message, Mapping) else message


@dataclass(frozen=True, slots=True)
class Book:
    """All rules in force with everything that they refer to."""

    rules: Mapping[str, Rule]
    params: Mapping[str, Any]
    patterns: Mapping[str, str]
    pairs: Mapping[str, frozenset[tuple[str, str]]]
    clocks: Mapping[str, tuple[ClockEntry, Place]]
    ladder: tuple[LadderEntry, Place] | None
    suppression: tuple[tuple[SuppressionEntry, Place], ...]
    messages: Mapping[str, Any]
    tests: tuple[tuple[TestEntry, Place], ...] = ()
    param_places: Mapping[str, Place] = field(default_factory=dict)
    pattern_places: Mapping[str, Place] = field(default_factory=dict)
    documents: tuple[Document, ...] = ()
    superseded: frozenset[str] = frozenset()  # words of what a later file put aside: they count as used

    def enabled(self) -> Iterable[Rule]:
        """Yield the rules that are on."""
        return (rule for rule in self.rules.values() if rule.entry.enabled)


Check = Callable[[Document], list[Problem]]


def read_book(packs: Sequence[str | Path], checks: Sequence[Check] = ()) -> Book:
    """Read and merge packs in order; see :func:`read_packs`."""
    return merge(read_packs(packs, checks))


def read_packs(packs: Sequence[str | Path], checks: Sequence[Check] = ()) -> list[Document]:
    """Read packs in order: shipped names or paths. ``checks`` look at each file for what is not judging's business
    (the texts of messages). Raises ``ConfigError`` with every mistake of every file."""
    documents: list[Document] = []
    problems: list[Problem] = []
    for pack in packs:
        for path in pack_files(pack):
            try:
                document = read_document(path)
                problems += [problem for check in checks for problem in check(document)]
                documents.append(document)
            except ConfigError as error:
                problems += error.problems
    if problems:
        raise ConfigError(problems)
    return documents


def pack_files(pack: str | Path) -> list[Path]:
    """Return the files of a pack: those of a shipped name, or the one path."""
    if str(pack) in SHIPPED:
        folder = files("duban").joinpath("rules", "packs")
        return [Path(str(folder.joinpath(name))) for name in SHIPPED[str(pack)]]
    return [Path(pack)]


def merge(documents: Sequence[Document]) -> Book:
    """Merge rules files in order into one book; see :func:`read_book`."""
    merger = _Merger()
    for document in documents:
        merger.take(document)
    return merger.book()


def structure_problems(document: Document) -> tuple[RulesFile | None, list[Problem]]:
    """Check a file against the form of rules files: (the file, []) or (None, every mistake)."""
    try:
        content = RulesFile.model_validate(document.value)
    except ValidationError as error:
        return None, _structure_problems(document, error)
    problems = [
        document.problem(("params", name, *part), message)
        for name, value in content.params.items()
        for part, message in parameter_faults(name, value)
    ]
    return (None, problems) if problems else (content, [])


def _structure_problems(document: Document, error: ValidationError) -> list[Problem]:
    mistakes = error.errors(include_url=False, include_input=False)[:MOST_PROBLEMS]
    words: dict[tuple[Any, ...], list[str]] = {}
    problems = []
    for mistake in mistakes:
        location = _location(document, mistake["loc"])
        if mistake["type"] == "literal_error":  # a choice of several models says each of its own words
            words.setdefault(location, []).extend(_WORD.findall(mistake.get("ctx", {}).get("expected", "")))
        else:
            problems.append(_structure_problem(document, location, dict(mistake)))
    problems += [_choice_problem(document, location, known) for location, known in words.items()]
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def _location(document: Document, location: Sequence[str | int]) -> tuple[str | int, ...]:
    """Leave out what pydantic adds to a place in the file: the names of the models it tried."""
    return tuple(part for part in location if not (isinstance(part, str) and "[" in part and not document.has((part,))))


def _structure_problem(document: Document, location: tuple[str | int, ...], mistake: Mapping[str, Any]) -> Problem:
    if mistake["type"] == "extra_forbidden":
        known = _known_keys(location[:-1])
        return document.problem(location, f"unknown key {location[-1]!r}{_hint(location[-1], known)}", on_key=True)
    if mistake["type"] == "missing":
        return document.problem(location[:-1], f"the key {location[-1]!r} is missing here", on_key=True)
    if mistake["type"] == "string_pattern_mismatch":
        return document.problem(location, "an id is written in capitals, digits and hyphens, like TEAM-01")
    sentence = _SENTENCES.get(mistake["type"]) or str(mistake["msg"]).removeprefix("Value error, ")
    return document.problem(location, sentence)


def _choice_problem(document: Document, location: tuple[str | int, ...], known: Sequence[str]) -> Problem:
    value: Any = document.value
    for part in location:
        if part in value if isinstance(value, dict) else isinstance(value, list) and isinstance(part, int):
            value = value[part]
    return document.problem(location, f"must be one of {', '.join(dict.fromkeys(known))}{_hint(value, known)}")


def words_of(value: Any) -> set[str]:
    """Return every text of plain data and every name that these texts are made of."""
    if isinstance(value, str):
        return {value, *_NAME.findall(value)}
    if isinstance(value, Mapping):
        return set().union(*map(words_of, value.values()))
    return set().union(*map(words_of, value)) if isinstance(value, (list, tuple)) else set()


def _hint(word: Any, known: Iterable[str]) -> str:
    near = nearest(str(word), known)
    return f"; did you mean {near!r}?" if near else ""


def _known_keys(location: tuple[Any, ...]) -> list[str]:
    models: dict[str, Any] = {
        "rules": RuleEntry,
        "clocks": ClockEntry,
        "ladder": LadderEntry,
        "suppression": SuppressionEntry,
        "tests": Expectation if "steps" in location else TestEntry,
    }
    if location[-1:] in {("text",), ("name",)}:
        return ["zh", "en"]
    model = models.get(str(location[0]), RulesFile) if location else RulesFile
    return [info.alias or name for name, info in model.model_fields.items()]


class _Merger:
    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.raw: dict[str, dict[str, Any]] = {}
        self.places: dict[str, dict[str, Place]] = {}
        self.params: dict[str, Any] = {}
        self.param_places: dict[str, Place] = {}
        self.patterns: dict[str, str] = {}
        self.pattern_places: dict[str, Place] = {}
        self.pairs: dict[str, frozenset[tuple[str, str]]] = {}
        self.clocks: dict[str, tuple[ClockEntry, Place]] = {}
        self.ladder: tuple[LadderEntry, Place] | None = None
        self.suppression: list[tuple[SuppressionEntry, Place]] = []
        self.messages: dict[str, Any] = {}
        self.tests: list[tuple[TestEntry, Place]] = []
        self.documents: list[Document] = []
        self.superseded: set[str] = set()

    def take(self, document: Document) -> None:
        content, problems = structure_problems(document)
        self.documents.append(document)
        self.problems += problems
        if content is None:
            return
        self._parameters(document, content)
        self.patterns |= content.patterns
        self.pattern_places |= {name: Place(document, ("patterns", name)) for name in content.patterns}
        self._pairs(document, content)
        for name in content.clocks.keys() & self.clocks.keys():
            self.superseded |= words_of(self.clocks[name][0].model_dump())
        self.clocks |= {name: (entry, Place(document, ("clocks", name))) for name, entry in content.clocks.items()}
        if content.ladder is not None:
            self.superseded |= words_of(self.ladder[0].model_dump()) if self.ladder else set()
            self.ladder = content.ladder, Place(document, ("ladder",))
        self.suppression += [
            (entry, Place(document, ("suppression", i))) for i, entry in enumerate(content.suppression)
        ]
        for name, texts in content.messages.items():  # a pack may override one language and keep the other
            known = self.messages.get(name)
            self.messages[name] = {**known, **texts} if isinstance(known, dict) and isinstance(texts, dict) else texts
        self.tests += [(entry, Place(document, ("tests", i))) for i, entry in enumerate(content.tests)]
        seen: set[str] = set()
        for index, entry in enumerate(content.rules):
            place = Place(document, ("rules", index))
            if entry.id in seen:
                self.problems.append(place.problem(f"the rule {entry.id} stands in this file twice", part=("id",)))
            seen.add(entry.id)
            self._rule(document.value["rules"][index], place)

    def _pairs(self, document: Document, content: RulesFile) -> None:
        for name, rows in content.tables.items():
            self.pairs[name] = frozenset(rows)
            for index, row in enumerate(rows):
                if row in rows[:index]:
                    self.problems.append(document.problem(("tables", name, index), "this pair stands here twice"))

    def _parameters(self, document: Document, content: RulesFile) -> None:
        for name, value in content.params.items():
            before = self.params.get(name)
            merged = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
            if before is not None and type(before) is not type(value) and not _both_numbers(before, value):
                shown = "a mapping" if isinstance(before, dict) else type(before).__name__
                self.problems.append(
                    document.problem(("params", name), f"the parameter {name} must be {shown}, as in the pack before")
                )
            self.params[name] = merged
            self.param_places[name] = Place(document, ("params", name))

    def _rule(self, raw: Mapping[str, Any], place: Place) -> None:
        rule_id = str(raw["id"])
        known = self.raw.setdefault(rule_id, {})
        before, now = _kinds(known), _kinds(raw)
        if before and now and not before & now:
            message = f"{rule_id} is a rule of {', '.join(sorted(before))} already; a new rule needs an id of its own"
            self.problems.append(place.problem(message, part=("of",)))
        self.superseded |= words_of([value for key, value in known.items() if key in raw])
        known.update(raw)
        places = self.places.setdefault(rule_id, {})
        places |= {key: Place(place.document, (*place.location, key)) for key in raw}

    def book(self) -> Book:
        rules = {}
        for rule_id, raw in self.raw.items():
            entry = RuleEntry.model_validate(raw)
            rule = Rule(rule_id, entry, self.places[rule_id])
            rules[rule_id] = rule
            lacking = [key for key in ("name", "of", "test", "level", "text") if not getattr(entry, key)]
            if lacking:
                self.problems.append(self._unfinished(rule, lacking))
        if self.problems:
            raise ConfigError(self.problems[:MOST_PROBLEMS])
        return Book(
            rules, self.params, self.patterns, self.pairs, self.clocks, self.ladder, tuple(self.suppression),
            self.messages, tuple(self.tests), self.param_places, self.pattern_places, tuple(self.documents),
            frozenset(self.superseded),
        )  # fmt: skip


    def _unfinished(self, rule: Rule, lacking: Sequence[str]) -> Problem:
        """A rule without its parts: a new one that is not finished, or a change to one whose id is misspelt."""
        complete = [other for other, raw in self.raw.items() if other != rule.id and "test" in raw]
        near = nearest(rule.id, complete)
        message = f"the rule {rule.id} has no {', '.join(lacking)}"
        if len(lacking) == 5:
            message = f"there is no rule {rule.id} to change, and as a new one it lacks {', '.join(lacking)}"
            message += f"; did you mean {near!r}?" if near else ""
        return rule.place(lacking[0]).problem(message)


def _kinds(raw: Mapping[str, Any]) -> set[str]:
    of = raw.get("of", ())
    return {of} if isinstance(of, str) else set(of)


def _both_numbers(left: Any, right: Any) -> bool:
    numbers = (int, float)
    return (
        isinstance(left, numbers)
        and isinstance(right, numbers)
        and not isinstance(left, bool)
        and not isinstance(right, bool)
    )
