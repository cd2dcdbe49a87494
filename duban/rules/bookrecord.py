"""A book of rules as a record: what it says as text, a fingerprint, and a digest per rule of all that decides it.

The ledger keeps the record of every book that judged. So the rules of an earlier run can be put in force again, an
item knows by which version of a rule it was judged, and two books can be compared part by part.

A digest covers the rule itself without its wording, and everything it reads: parameters, clocks, patterns, tables,
other rules, and the ladder where it reads what the ladder left. A new version number alone changes no digest.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from duban.errors import ConfigError
from duban.rules.book import Book, merge
from duban.rules.entries import Entry
from duban.rules.language.scope import DERIVED
from duban.yamlfile import Document

CLOCK = "clock "  # before a clock's name, among the digests
_WORDING = frozenset({"id", "name", "text", "version", "phase", "origin", "src", "payload"})
_WORD = re.compile(r"[^\W\d]\w*(?:-[A-Z0-9]+)*")
# Values of a task that come from its cells and its past alone; all the others are what the ladder left.
_FROM_CELLS = frozenset({
    "active", "open", "terminal", "previous_status", "status_since", "human_update", "changed_since_signing",
    "explanation_parts", "extensions",
})  # fmt: skip
_LADDER_VALUES = frozenset(
    name
    for value in set(DERIVED["task"]) - set(DERIVED["project"])
    if value.key not in _FROM_CELLS
    for name in (value.key, value.zh)
)
_WEEK_VALUES = frozenset(
    name for value in DERIVED["system"] if value.key.startswith(("week_", "lookback")) for name in (value.key, value.zh)
)
_LADDER_PARAMS = (
    "explain", "escalate_after_explain", "lag_unit", "due_on_nonworkday", "review_stops_lag", "work_windows"
)  # fmt: skip
_CLOCK_PARAMS = ("sla_soon_fraction", "work_windows")
_WEEK_PARAMS = ("weekly_lookback_weeks", "work_windows")


@dataclass(frozen=True, slots=True)
class BookRecord:
    """What judging remembers of a book: its fingerprint, the digests of rules and clocks, the versions of rules."""

    fingerprint: str
    digests: Mapping[str, str]
    versions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class BookChange:
    """One part in which two books differ: ``part`` is its name as :class:`Parts` has it; ``wording`` tells that it
    changes texts only, no judgement."""

    part: str
    text: str
    wording: bool = False


def record_of(book: Book) -> BookRecord:
    """Return the record of a book."""
    parts = Parts(book)
    digests = {rule_id: parts.digest(f"rule {rule_id}") for rule_id in book.rules}
    digests |= {CLOCK + name: parts.digest(CLOCK + name) for name in book.clocks}
    versions = {rule.id: rule.entry.version for rule in book.rules.values()}
    return BookRecord(_hash(_judging(book)), digests, versions)


def book_text(book: Book) -> str:
    """Return a book as one rules file in JSON, for :func:`book_from`; rule tests are left out."""
    return _json(_judging(book) | {"messages": dict(book.messages)})


def book_from(text: str, fingerprint: str, name: str) -> Book:
    """Return the book of a text; ``name`` is what messages about it say.

    Raises ``ConfigError`` when this release does not understand it, or understands something else by it.
    """
    book = merge([Document(text, name)])
    if record_of(book).fingerprint != fingerprint:
        raise ConfigError(f"{name}: this release of duban reads these rules differently")
    return book


def changes(old: Book, new: Book) -> list[BookChange]:
    """Return what differs between two books, parameters first, then rules, then the rest."""
    before, after = Parts(old), Parts(new)
    found = [change for name in sorted({*old.params, *new.params}) for change in _param_changes(name, old, new)]
    for rule_id in (*old.rules, *(rule for rule in new.rules if rule not in old.rules)):
        change = _rule_change(rule_id, old, new)
        if change is not None:
            found.append(change)
    rest = [name for name in {*before.texts, *after.texts} if not name.startswith(("param ", "rule "))]
    for name in sorted(rest):
        if before.texts.get(name) != after.texts.get(name):
            how = "is new" if name not in before.texts else "is gone" if name not in after.texts else "changed"
            found.append(BookChange(name, f"{name} {how}"))
    if old.messages != new.messages:
        found.append(BookChange("messages", "texts of messages changed", wording=True))
    return found


class Parts:
    """A book taken apart: the canonical text of each part by name - ``rule LAG-02``, ``param explain``,
    ``clock response``, ``pattern re_number``, ``table pairs``, ``ladder``, ``suppression`` - and which reads which."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._reads: dict[str, frozenset[str]] = {}

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """Every part's text, without the wording of rules."""
        book = self.book
        texts = {f"rule {rule.id}": _json(_decides(rule.entry)) for rule in book.rules.values()}
        texts |= {f"param {name}": _json(value) for name, value in book.params.items()}
        texts |= {f"pattern {name}": _json(value) for name, value in book.patterns.items()}
        texts |= {f"table {name}": _json(sorted(map(list, pairs))) for name, pairs in book.pairs.items()}
        texts |= {CLOCK + name: _json(_data(entry)) for name, (entry, _) in book.clocks.items()}
        if book.ladder is not None:
            texts["ladder"] = _json(_data(book.ladder[0]))
        texts["suppression"] = _json([_data(entry) for entry, _ in book.suppression])
        return texts

    def reads(self, part: str) -> frozenset[str]:
        """Return the names of all parts that decide a part, itself among them."""
        if part not in self._reads:
            seen: set[str] = set()
            waiting = [part]
            while waiting:
                name = waiting.pop()
                if name in self.texts and name not in seen:
                    seen.add(name)
                    waiting += self._read_by(name)
            self._reads[part] = frozenset(seen)
        return self._reads[part]

    def digest(self, part: str) -> str:
        """Return the digest of a part with all that decides it."""
        return _hash(sorted((name, self.texts[name]) for name in self.reads(part)))

    def _read_by(self, part: str) -> Iterator[str]:
        if part.startswith(("param ", "pattern ", "table ")) or part == "suppression":
            return
        if part == "ladder":  # what its transitions tell, and whom, moves nothing
            assert self.book.ladder is not None
            yield from (f"rule {rule_id}" for rule_id in self.book.ladder[0].steps.values())
            yield from _params(_LADDER_PARAMS)
            return
        words = set(_WORD.findall(self.texts[part]))
        for sort, names in self._names.items():
            yield from (f"{sort} {name}" for name in names & words)
        if words & _LADDER_VALUES:
            yield "ladder"
        if words & _WEEK_VALUES:
            yield from _params(_WEEK_PARAMS)
        if part.startswith(CLOCK):
            yield from _params(_CLOCK_PARAMS)
        if part.startswith("rule "):
            yield "suppression"

    @cached_property
    def _names(self) -> Mapping[str, frozenset[str]]:
        book = self.book
        sorts: Mapping[str, Iterable[str]] = {
            "rule": book.rules, "param": book.params, "pattern": book.patterns, "table": book.pairs,
            "clock": book.clocks,
        }  # fmt: skip
        return {sort: frozenset(names) for sort, names in sorts.items()}


def _params(names: Iterable[str]) -> Iterator[str]:
    return (f"param {name}" for name in names)


def _decides(entry: Entry) -> dict[str, Any]:
    return {key: value for key, value in _data(entry).items() if key not in _WORDING}


def _data(entry: Entry) -> dict[str, Any]:
    return entry.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _judging(book: Book) -> dict[str, Any]:
    found: dict[str, Any] = {
        "params": dict(book.params), "patterns": dict(book.patterns),
        "tables": {name: sorted(map(list, pairs)) for name, pairs in book.pairs.items()},
        "clocks": {name: _data(entry) for name, (entry, _) in book.clocks.items()},
        "suppression": [_data(entry) for entry, _ in book.suppression],
        "rules": [_data(book.rules[rule_id].entry) for rule_id in sorted(book.rules)],
    }  # fmt: skip
    if book.ladder is not None:
        found["ladder"] = _data(book.ladder[0])
    return found


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(", ", ": "))


def _hash(value: Any) -> str:
    return hashlib.blake2b(_json(value).encode(), digest_size=8).hexdigest()


# --- differences in words


def _param_changes(name: str, old: Book, new: Book) -> Iterator[BookChange]:
    part = f"param {name}"
    if name not in old.params or name not in new.params:
        yield BookChange(part, f"parameter {name} {'is new' if name in new.params else 'is gone'}")
        return
    before, after = old.params[name], new.params[name]
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before | after):
            if before.get(key) != after.get(key):
                yield BookChange(part, f"{name}.{key} {_shown(before.get(key))} -> {_shown(after.get(key))}")
    elif before != after:
        yield BookChange(part, f"{name} {_shown(before)} -> {_shown(after)}")


def _shown(value: Any) -> str:
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _rule_change(rule_id: str, old: Book, new: Book) -> BookChange | None:
    part = f"rule {rule_id}"
    if rule_id not in old.rules or rule_id not in new.rules:
        return BookChange(part, f"rule {rule_id} {'is new' if rule_id in new.rules else 'is gone'}")
    before, after = old.rules[rule_id].entry, new.rules[rule_id].entry
    one, other = _data(before), _data(after)
    keys = sorted(key for key in one | other if one.get(key) != other.get(key))
    if not keys:
        return None
    said = []
    if "version" in keys:
        said.append(f"version {before.version} -> {after.version}")
    if "enabled" in keys:
        said.append("switched on" if after.enabled else "switched off")
    rest = [key for key in keys if key not in {"version", "enabled"}]
    if rest:
        said.append(f"{', '.join(rest)} changed")
    return BookChange(part, f"rule {rule_id}: {'; '.join(said)}", wording=_WORDING.issuperset(keys))
