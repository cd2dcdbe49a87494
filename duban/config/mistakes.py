"""What pydantic found wrong -> problems with a place in the file and a sentence that says what to do.

Only locations, kinds of error and texts of the file are used: pydantic's own messages could repeat a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from duban.connectors.settings import NAME_PATTERN, URL_PATTERN
from duban.errors import Problem
from duban.yamlfile import Document, nearest

Place = tuple[str | int, ...]

_WRONG = {
    "string_type": "must be text; put quotes around it",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "tuple_type": "must be a list, such as [a, b]",
    "list_type": "must be a list, such as [a, b]",
    "dict_type": "must be a mapping of keys and values",
    "mapping_type": "must be a mapping of keys and values",
    "model_type": "must be a mapping of keys and values",
    "model_attributes_type": "must be a mapping of keys and values",
    "union_tag_not_found": "must be a word, or a mapping of keys and values",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}
_BOUNDS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_PATTERNS = {
    NAME_PATTERN: "must be a name without / and without blanks at its ends",
    URL_PATTERN: "must be an address such as https://host/path, without user, password or query",
}


def mistakes(document: Document, data: Any, error: ValidationError, model: type[BaseModel]) -> Iterator[Problem]:
    """Yield the problems of a validation; ``data`` is what the file itself says, ``model`` what it should be."""
    found = error.errors(include_url=False, include_input=False)
    places = {tuple(entry["loc"]) for entry in found}
    meant = {place for entry in found if (place := _meant(entry, model))}
    for entry in found:
        place, kind = tuple(entry["loc"]), entry["type"]
        inner = kind == "too_short" and any(other[: len(place)] == place and other != place for other in places)
        if inner or (kind == "missing" and place in meant):
            continue  # only a consequence: of entries that are wrong themselves, or of a misspelt key told as such
        spot = (*place, "tool") if kind == "union_tag_invalid" else place
        yield document.problem(spot, _sentence(entry, data, model), on_key=kind == "extra_forbidden")


def one_of(word: Any, known: Sequence[str], what: str) -> str:
    """Return the sentence for a word that is not one of the known ones."""
    near = nearest(word, known) if isinstance(word, str) else None
    hint = f"did you mean {near!r}?" if near else f"write one of {', '.join(known)}"
    return f"{word!r} is no {what}; {hint}" if isinstance(word, str) else f"{what} must be one of {', '.join(known)}"


def no_key(word: str, known: Sequence[str]) -> str:
    """Return the sentence for a key that is not known at its place."""
    near = nearest(word, known)
    return f"there is no key {word!r} here; " + (
        f"did you mean {near!r}?" if near else f"the keys here are {', '.join(known)}"
    )


def _meant(entry: Any, model: type[BaseModel]) -> Place | None:
    if entry["type"] != "extra_forbidden":
        return None
    place = tuple(entry["loc"])
    near = nearest(str(place[-1]), keys_at(model, place[:-1]))
    return (*place[:-1], near) if near else None


def _sentence(entry: Any, data: Any, model: type[BaseModel]) -> str:
    place, kind, context = tuple(entry["loc"]), entry["type"], entry.get("ctx", {})
    key = next((part for part in reversed(place) if isinstance(part, str) and not part.startswith("<")), "")
    if kind == "extra_forbidden":
        return no_key(str(place[-1]), keys_at(model, place[:-1]))
    if kind == "missing":
        return f"the key {str(place[-1])!r} is missing here; add it"
    if kind == "union_tag_not_found" and place[-1] != "holds":
        return "the key 'tool' is missing here; add it"
    if kind == "union_tag_invalid":
        return one_of(_said(data, (*place, "tool")), _quoted(context["expected_tags"]), "tool")
    if kind == "literal_error":
        known = _quoted(context["expected"])
        return one_of(_said(data, place), known, "kind of item" if "task" in known else key)
    subject = f"an entry of {key!r}" if isinstance(place[-1], int) else f"{key!r}"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"{subject} must be {words} {context[name]:g}"
    if kind == "string_pattern_mismatch":
        return f"{subject} {_PATTERNS.get(context['pattern'], 'has the wrong form')}"
    return f"{subject} {_WRONG.get(kind, 'has a value of the wrong type')}"


def _quoted(expected: str) -> list[str]:
    return re.findall(r"'([^']+)'", expected)


def _said(data: Any, place: Place) -> Any:
    """Return what the file itself says at a place, past the parts that only pydantic knows (tags)."""
    for part in place:
        if isinstance(data, list) and isinstance(part, int):
            data = data[part]
        elif isinstance(data, dict):
            data = data.get(str(part), data)
    return data


def keys_at(model: type[BaseModel], place: Place) -> list[str]:
    """Return the keys that may stand at a place of the file."""
    models = [model]
    for part in place:
        inner = [found for each in models if part in each.model_fields
                 for found in _models_in(each.model_fields[str(part)].annotation)]  # fmt: skip
        tagged = [each for each in models if _tool(each) == part]
        models = inner or tagged or models
    return list(dict.fromkeys(key for each in models for key in each.model_fields))


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in get_args(annotation) for found in _models_in(inner)]


def _tool(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("tool")
    return next(iter(get_args(field.annotation)), None) if field else None
