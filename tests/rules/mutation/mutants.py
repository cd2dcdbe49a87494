"""Every small change of a rules file, one at a time: (document) -> mutants, (document, mutant) -> changed document."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from duban.yamlfile import Document

from .conditions import changes

Path = tuple["str | int", ...]
REMOVED = object()
MODES = ("wall", "workday24", "workhours")
_LEVELS = {"info": "warn", "warn": "critical", "critical": "warn"}
_CHOICES = {"workday": "calendar", "calendar": "workday", "as_is": "next_workday", "next_workday": "as_is"}
_TIME = re.compile(r"(\d\d):(\d\d)")
_CONDITIONS = ("when", "test", "running_when", "stop_when", "pause_when", "start", "stop")


class Mutant(NamedTuple):
    """One change: what it is of (a rule's id, a parameter), its sort, where it stands, the new value, in words."""

    of: str
    sort: str
    path: Path
    value: Any
    what: str
    offset: int = 0
    width: int = 0

    def place(self, document: Document) -> str:
        """Return where the change was made, as file:line."""
        found = document.problem(self.path, "", offset=self.offset, width=self.width)
        return f"{found.path.rsplit('/', 1)[-1]}:{found.line}"


def mutated(document: Document, mutant: Mutant) -> Document:
    """Return a document with a change; its text and places stay those of the original."""
    changed = copy.copy(document)
    changed.value = copy.deepcopy(document.value)
    holder = changed.value
    for part in mutant.path[:-1]:
        holder = holder[part]
    if mutant.value is REMOVED:
        del holder[mutant.path[-1]]
    else:
        holder[mutant.path[-1]] = mutant.value
    return changed


def mutants(document: Document) -> Iterator[Mutant]:
    """Yield every change of a rules file."""
    content: Mapping[str, Any] = document.value
    for name, value in content.get("params", {}).items():
        yield from _parameter(name, value, ("params", name))
    for name, pattern in content.get("patterns", {}).items():
        yield from _pattern(name, pattern, ("patterns", name))
    for name, rows in content.get("tables", {}).items():
        yield from _dropped(name, "pair", rows, ("tables", name))
    for name, clock in content.get("clocks", {}).items():
        yield from _clock(name, clock, ("clocks", name))
    if "ladder" in content:
        yield from _ladder(content["ladder"], ("ladder",))
    for index, entry in enumerate(content.get("suppression", ())):
        yield from _suppression(entry, index)
    for index, rule in enumerate(content.get("rules", ())):
        yield from _rule(rule, ("rules", index))


# --- parameters, patterns


def _parameter(name: str, value: Any, path: Path, of: str = "") -> Iterator[Mutant]:
    of = of or name
    match value:
        case bool():
            yield _replaced(of, "parameter", path, value, not value)
        case int():
            yield from (_replaced(of, "parameter", path, value, value + step) for step in (-1, 1))
        case float():
            yield from (_replaced(of, "parameter", path, value, round(value + step, 2)) for step in (-0.01, 0.01))
        case str() if value in MODES:
            yield from (_replaced(of, "clock mode", path, value, mode) for mode in MODES if mode != value)
        case str() if value in _CHOICES:
            yield _replaced(of, "parameter", path, value, _CHOICES[value])
        case str():
            yield from _times(of, value, path)
        case dict():
            for key, inner in value.items():
                yield from _parameter(key, inner, (*path, key), f"{name}.{key}")
        case list():
            for index, inner in enumerate(value):
                yield from _parameter(name, inner, (*path, index))
            if all(isinstance(inner, str) for inner in value):
                yield from _dropped(of, "window", value, path)


def _times(of: str, text: str, path: Path) -> Iterator[Mutant]:
    for found in _TIME.finditer(text):
        minutes = int(found[1]) * 60 + int(found[2])
        for step in (-1, 1):
            moved = f"{(minutes + step) // 60:02}:{(minutes + step) % 60:02}"
            yield _replaced(of, "parameter", path, text, text[: found.start()] + moved + text[found.end() :])


def _pattern(name: str, pattern: str, path: Path) -> Iterator[Mutant]:
    parts = _alternatives(pattern)
    for index, part in enumerate(parts):
        if len(parts) > 1:
            rest = "|".join((*parts[:index], *parts[index + 1 :]))
            yield Mutant(name, "pattern", path, rest, f"without {part}")


def _alternatives(pattern: str) -> list[str]:
    """Split a pattern at the | that stand in no brackets."""
    parts, depth, inside = [""], 0, False
    for index, sign in enumerate(pattern):
        escaped = index > 0 and pattern[index - 1] == "\\"
        if not escaped and sign in "[]":
            inside = sign == "["
        elif not escaped and not inside and sign in "()":
            depth += 1 if sign == "(" else -1
        if sign == "|" and depth == 0 and not inside:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


# --- clocks, the ladder, suppression


def _clock(name: str, clock: Mapping[str, Any], path: Path) -> Iterator[Mutant]:
    for key in _CONDITIONS:
        if key in clock:
            yield from _condition(name, clock[key], (*path, key))
    for key in ("when", "stop", "stop_when", "running_when", "pause_when"):
        if key in clock:
            yield _removed(name, "gate", (*path, key), clock[key])
    for key in ("shown", "engine", "reopens"):
        if key in clock:
            yield _replaced(name, "clock", (*path, key), clock[key], not clock[key])


def _ladder(ladder: Mapping[str, Any], path: Path) -> Iterator[Mutant]:
    for step, rule in ladder["steps"].items():
        yield _removed(rule, "ladder", (*path, "steps", step), f"{step}: {rule}")
    for index, rule in enumerate(ladder["escalated_by"]):
        yield _removed(rule, "ladder", (*path, "escalated_by", index), rule)
    for transition, tells in ladder["tells"].items():
        for index, tell in enumerate(tells):
            here = (*path, "tells", transition, index)
            yield _removed(transition, "ladder", here, tell if isinstance(tell, str) else tell["msg"])
            if isinstance(tell, dict):
                for key in ("to", "cc"):
                    yield from _dropped(transition, "recipient", tell.get(key, ()), (*here, key))


def _suppression(entry: Mapping[str, Any], index: int) -> Iterator[Mutant]:
    path: Path = ("suppression", index)
    yield _removed("suppression", "suppression", path, entry["when"])
    yield from _condition("suppression", entry["when"], (*path, "when"))
    yield from _dropped("suppression", "suppression", entry.get("keep", ()), (*path, "keep"))


# --- rules


def _rule(rule: Mapping[str, Any], path: Path) -> Iterator[Mutant]:
    name = rule["id"]
    for key in ("when", "test"):
        if key in rule:
            yield from _condition(name, rule[key], (*path, key))
    for key, text in rule.get("let", {}).items():
        yield from _condition(name, text, (*path, "let", key))
    if "when" in rule:
        yield _removed(name, "gate", (*path, "when"), rule["when"])
    for key, sort in (("need", "need"), ("wants", "need"), ("tools", "gate"), ("known", "gate"), ("once_per", "message")):
        yield from _dropped(name, sort, rule.get(key, ()), (*path, key))
    if rule.get("enabled") is False:
        yield _replaced(name, "enabled", (*path, "enabled"), False, True)
    yield _replaced(name, "level", (*path, "level"), rule["level"], _LEVELS[rule["level"]])
    yield from _of_kinds(name, rule, path)
    for key in ("to", "cc", "esc"):
        yield from _recipients(name, rule.get(key, ()), (*path, key))


def _of_kinds(name: str, rule: Mapping[str, Any], path: Path) -> Iterator[Mutant]:
    if isinstance(rule["of"], list):
        yield from _dropped(name, "kind", rule["of"], (*path, "of"))
    message = rule.get("msg")
    if isinstance(message, dict):
        for kind, template in message.items():
            yield _removed(name, "message", (*path, "msg", kind), template)
    elif message is not None:
        yield _removed(name, "message", (*path, "msg"), message)


def _recipients(name: str, entries: Sequence[Any], path: Path) -> Iterator[Mutant]:
    yield from _dropped(name, "recipient", entries, path)
    for index, entry in enumerate(entries):
        if isinstance(entry, dict):
            yield from _condition(name, entry["if"], (*path, index, "if"))
            for key in ("then", "else"):
                yield from _dropped(name, "recipient", entry.get(key, ()), (*path, index, key))


# --- forms


def _condition(of: str, text: str, path: Path) -> Iterator[Mutant]:
    for change in changes(text):
        yield Mutant(of, change.sort, path, change.text, change.what, change.start, max(1, change.end - change.start))


def _dropped(of: str, sort: str, entries: Sequence[Any], path: Path) -> Iterator[Mutant]:
    for index, entry in enumerate(entries):
        yield _removed(of, sort, (*path, index), entry)


def _removed(of: str, sort: str, path: Path, before: Any) -> Mutant:
    return Mutant(of, sort, path, REMOVED, f"{_key(path)}without {before}")


def _replaced(of: str, sort: str, path: Path, before: Any, after: Any) -> Mutant:
    return Mutant(of, sort, path, after, f"{_key(path)}{before} -> {after}")


def _key(path: Path) -> str:
    word = next((part for part in reversed(path) if isinstance(part, str)), "")
    return f"{word}: "
