"""The form of parameters: numbers, truths, texts, lists, and times of clocks; the engine's own have one each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from duban.rules.calendar import parse_windows
from duban.rules.clock import MODES
from duban.yamlfile import nearest

Fault = tuple[tuple[str, ...], str]  # where in the parameter, and the sentence

LONGEST_HOURS = 87_660  # ten years
_KEYS = ("hours", "mode", "requires_solution")
_CLOCK = "{hours: 24, mode: workday24}"


def parameter_faults(name: str, value: Any) -> Iterator[Fault]:
    """Yield what is wrong with a parameter as a file writes it; a later file may write some keys of a clock only."""
    if name in _VALID:
        wanted, valid = _VALID[name]
        if not valid(value):
            near = nearest(value, wanted.replace(" or ", " ").split()) if isinstance(value, str) else None
            yield (), f"the parameter {name} must be {wanted}" + (f"; did you mean {near!r}?" if near else "")
            return
    if isinstance(value, Mapping):
        yield from _clock_faults(name, value)
    elif isinstance(value, list):
        if name not in _VALID and not _is_range(value) and not _is_words(value):
            yield (), f"the parameter {name} must be a list of texts, or of two numbers [smallest, largest]"
    elif value is None:
        yield (), f"the parameter {name} has no value"


def missing_faults(name: str, value: Any) -> Iterator[Fault]:
    """Yield what a parameter lacks when all files are laid over each other."""
    for key in ("hours", "mode") if isinstance(value, Mapping) else ():
        if key not in value:
            yield (), f"the parameter {name} has no {key!r}; write {_CLOCK}"


def is_number(value: Any) -> bool:
    """Tell whether a value is a number and no truth."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _clock_faults(name: str, value: Mapping[str, Any]) -> Iterator[Fault]:
    for key, part in value.items():
        if key not in _KEYS:
            near = nearest(str(key), _KEYS)
            hint = f"; did you mean {near!r}?" if near else ""
            yield (str(key),), f"the parameter {name} may have {', '.join(_KEYS)}, not {key!r}{hint}"
        elif key == "mode" and part not in MODES:
            near = nearest(str(part), MODES)
            hint = f"; did you mean {near!r}?" if near else ""
            yield (key,), f"the mode of {name} must be {', '.join(MODES[:-1])} or {MODES[-1]}{hint}"
        elif key == "hours" and not (is_number(part) and 0 < part <= LONGEST_HOURS):
            yield (key,), f"the hours of {name} must be a number greater than 0, at most {LONGEST_HOURS}"
        elif key == "requires_solution" and not isinstance(part, bool):
            yield (key,), f"requires_solution of {name} must be true or false"


def _is_range(value: list[Any]) -> bool:
    return len(value) == 2 and all(map(is_number, value))


def _is_words(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(word, str) for word in value)


def _are_windows(value: Any) -> bool:
    try:
        return isinstance(value, list) and all(isinstance(each, str) for each in value) and bool(parse_windows(value))
    except ValueError:
        return False


def _one_of(*words: str) -> tuple[str, Callable[[Any], bool]]:
    return " or ".join(words), lambda value: isinstance(value, str) and value in words


# What the engine itself reads; the others are typed by the conditions that use them.
_VALID: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "lag_unit": _one_of("workday", "calendar"),
    "due_on_nonworkday": _one_of("as_is", "next_workday"),
    "review_stops_lag": ("true or false", lambda value: isinstance(value, bool)),
    "weekly_lookback_weeks": (
        "a whole number from 1 to 520",
        lambda value: is_number(value) and isinstance(value, int) and 1 <= value <= 520,
    ),
    "sla_soon_fraction": ("a number from 0 to 1", lambda value: is_number(value) and 0 <= value <= 1),
    "work_windows": ('a list of windows, like ["09:00-12:00", "13:00-18:00"]', _are_windows),
    "explain": (_CLOCK, lambda value: isinstance(value, Mapping)),
    "escalate_after_explain": (_CLOCK, lambda value: isinstance(value, Mapping)),
}
