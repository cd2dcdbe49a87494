"""What must hold of a book besides its conditions: names that exist, parameters that are read, clocks that fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from duban.item import KINDS
from duban.rules.book import ENGINE_PARAMS, Rule
from duban.rules.compilation import Compilation
from duban.rules.entries import LadderEntry
from duban.rules.language.scope import field_names, symbols
from duban.rules.parameters import missing_faults, parameter_faults
from duban.rules.unused import check_chosen, check_silenced, check_unused
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
        work.read.add(entry.within)
        if entry.stop_when and not entry.stop:
            work.add(place.problem("there is no stop, so this is never asked", part=("stop_when",), on_key=True))
    _check_ladder(work)
    for silence, place in work.book.suppression:
        for kind in silence.of:
            work.truth(work.compiler(kind), silence.when, place, ("when",))
        for index, pattern in enumerate(silence.keep):
            if not any(fnmatchcase(rule, pattern) for rule in work.book.rules):
                work.add(place.problem(_no_such("rule", pattern, work.book.rules), part=("keep", index)))
    _check_params(work)
    for rule in work.book.rules.values():
        check_chosen(work, rule)
    check_silenced(work)
    check_unused(work)
    work.asked.clear()


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
    read = (work.used if work.problems else work.read) | work.book.superseded
    known = [name for name in work.book.params if name in work.used or name in ENGINE_PARAMS]
    for name, place in work.book.param_places.items():
        if name not in read and name not in ENGINE_PARAMS:
            taken = [kind for kind in KINDS if name in symbols(kind)]
            why = f"; of a {taken[0]} it is a field, give it another name" if taken else _hint(name, known)
            work.add(place.problem(f"no rule uses the parameter {name}{why}", on_key=True))
        value = work.book.params[name]
        for part, message in (*parameter_faults(name, value), *missing_faults(name, value)):
            work.add(place.problem(message, part=part))


def _no_such(what: str, name: str, known: Iterable[str]) -> str:
    return f"there is no {what} {name!r}{_hint(name, known)}"


def _hint(word: str, known: Iterable[str]) -> str:
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near else ""
