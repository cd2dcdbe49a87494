"""What must hold of a book besides its conditions: names that exist, parameters that are read, clocks that fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from pydantic import ValidationError

from duban.item import KINDS
from duban.rules.book import ENGINE_PARAMS, Rule
from duban.rules.calendar import parse_windows
from duban.rules.compilation import Compilation
from duban.rules.entries import ClockParameter, LadderEntry
from duban.rules.language.scope import field_names
from duban.yamlfile import nearest


def check_rule(work: Compilation, rule: Rule, kind: str) -> bool:
    """Check what a rule names; false when it cannot be compiled because its clock does not exist."""
    for key in ("need", "wants"):
        known = set(field_names(kind).values()) if kind in KINDS else set()
        for index, name in enumerate(getattr(rule.entry, key) or ()):
            if name not in known:
                message = f"a {kind} has no field {name!r}{_hint(name, known)}"
                work.add(rule.place(key).problem(message, part=(index,)))
    message_name = rule.message_of(kind)
    if message_name is not None and message_name not in work.book.messages:
        work.add(rule.place("msg").problem(_no_such("message template", message_name, work.book.messages)))
    return _check_clock_of(work, rule, kind)


def _check_clock_of(work: Compilation, rule: Rule, kind: str) -> bool:
    clock = rule.clock_of(kind)
    if clock is None or (clock in work.book.clocks and kind in work.book.clocks[clock][0].of):
        return True
    if clock in work.book.clocks:
        work.add(rule.place("clock").problem(f"the clock {clock} is not of kind {kind}"))
    else:
        work.add(rule.place("clock").problem(_no_such("clock", clock, work.book.clocks)))
    return False


def check_book(work: Compilation) -> None:
    """Check clocks, ladder, suppression and parameters; after all conditions were compiled, because those tell which
    parameters are used."""
    for entry, place in work.book.clocks.values():
        if not isinstance(work.book.params.get(entry.within), Mapping):
            clocks = [name for name, value in work.book.params.items() if isinstance(value, Mapping)]
            work.add(place.problem(_no_such("clock parameter", entry.within, clocks), part=("within",)))
        work.used.add(entry.within)
    _check_ladder(work)
    for silence, place in work.book.suppression:
        for kind in silence.of:
            work.truth(work.compiler(kind), silence.when, place, ("when",))
        for index, pattern in enumerate(silence.keep):
            if not any(fnmatchcase(rule, pattern) for rule in work.book.rules):
                work.add(place.problem(_no_such("rule", pattern, work.book.rules), part=("keep", index)))
    _check_params(work)


# --- the ladder


def _check_ladder(work: Compilation) -> None:
    if work.book.ladder is None:
        return
    entry, place = work.book.ladder
    for part, rule_id in _rules_of(entry):
        if rule_id not in work.book.rules:
            work.add(place.problem(_no_such("rule", rule_id, work.book.rules), part=part))
    for transition, tells in entry.tells.items():
        for index, tell in enumerate(tells):
            if not isinstance(tell, str) and tell.msg not in work.book.messages:
                part = ("tells", transition, index, "msg")
                work.add(place.problem(_no_such("message template", tell.msg, work.book.messages), part=part))
    if entry.clock not in work.book.clocks:
        work.add(place.problem(_no_such("clock", entry.clock, work.book.clocks), part=("clock",)))
    for name in ("explain", "escalate_after_explain"):
        if not isinstance(work.book.params.get(name), Mapping):
            work.add(place.problem(f"a ladder needs the parameter {name}: {{hours, mode}}; add it under params"))


def _rules_of(entry: LadderEntry) -> Iterable[tuple[tuple[str | int, ...], str]]:
    yield from ((("steps", step), rule) for step, rule in entry.steps.items())
    yield from ((("escalated_by", index), rule) for index, rule in enumerate(entry.escalated_by))
    for transition, tells in entry.tells.items():
        yield from ((("tells", transition, i), tell) for i, tell in enumerate(tells) if isinstance(tell, str))


# --- parameters


def _check_params(work: Compilation) -> None:
    for name, place in work.book.param_places.items():
        if name not in work.used and name not in ENGINE_PARAMS:
            known = [other for other in work.book.params if other in work.used | ENGINE_PARAMS]
            work.add(place.problem(f"no rule uses the parameter {name}{_hint(name, known)}", on_key=True))
        for part, message in _faults(name, work.book.params[name]):
            work.add(place.problem(message, part=part))


def _faults(name: str, value: Any) -> Iterable[tuple[tuple[str, ...], str]]:
    """Yield (part, sentence) for everything that is wrong with a parameter's value."""
    if isinstance(value, Mapping):
        try:
            ClockParameter.model_validate(value)
        except ValidationError as error:
            for mistake in error.errors(include_url=False, include_input=False):
                part = tuple(str(step) for step in mistake["loc"])
                if mistake["type"] == "missing":
                    yield (), f"the parameter {name} has no {'.'.join(part)!r}; write {{hours: 24, mode: workday24}}"
                else:
                    yield part, f"the parameter {name}: {mistake['msg'][0].lower()}{mistake['msg'][1:]}"
    elif name in _VALID:
        wanted, valid = _VALID[name]
        if not valid(value):
            near = nearest(value, wanted.replace(" or ", " ").split()) if isinstance(value, str) else None
            yield (), f"the parameter {name} must be {wanted}" + (f"; did you mean {near!r}?" if near else "")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _are_windows(value: Any) -> bool:
    try:
        return isinstance(value, list) and bool(parse_windows(value))
    except ValueError:
        return False


# What the engine itself reads; the others are typed by the conditions that use them.
_VALID: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "lag_unit": ("workday or calendar", lambda value: value in {"workday", "calendar"}),
    "due_on_nonworkday": ("as_is or next_workday", lambda value: value in {"as_is", "next_workday"}),
    "review_stops_lag": ("true or false", lambda value: isinstance(value, bool)),
    "weekly_lookback_weeks": ("a whole number from 1 on", lambda value: isinstance(value, int) and 1 <= value <= 520),
    "sla_soon_fraction": ("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1),
    "work_windows": ('a list of windows, like ["09:00-12:00", "13:00-18:00"]', _are_windows),
    "explain": ("{hours, mode}", lambda _: False),
    "escalate_after_explain": ("{hours, mode}", lambda _: False),
}


def _no_such(what: str, name: str, known: Iterable[str]) -> str:
    return f"there is no {what} {name!r}{_hint(name, known)}"


def _hint(word: str, known: Iterable[str]) -> str:
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near else ""
