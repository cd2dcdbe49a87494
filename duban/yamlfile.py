"""YAML files that people write: plain data with the position of every key and value.

PyYAML's ``compose`` keeps the marks; this module turns nodes into data itself, because YAML 1.1 would read ``9:00`` as
540 and ``no`` as false, and lets the last of two equal keys win (facts/rules-and-state section 3). Here ``true``,
``false``, ``null``, whole numbers and decimals are typed, everything else (dates, times, yes/no) stays text. Duplicate
keys, aliases, more than one document and files above 1 MiB are mistakes of the file.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from duban.errors import ConfigError, Problem

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+\Z")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "Null": None, "~": None, "": None}
_LARGEST = 1 << 20

Location = Sequence[str | int]


class Document:
    """One YAML file: ``value`` is its plain data, :meth:`problem` points into its text."""

    def __init__(self, text: str, path: str) -> None:
        self.path = path
        self.lines = text.splitlines() or [""]
        self.problems: list[Problem] = []
        self._root = self._compose(text)
        self.value: Any = None if self._root is None else self._data(self._root)
        if self.problems:
            raise ConfigError(self.problems)

    def problem(self, location: Location, message: str, *, on_key: bool = False, offset: int = 0, width: int = 0) -> Problem:
        """Return a problem at a place in the data.

        ``location`` is a path of keys and indexes; parts that the file lacks (a missing key, a pydantic tag) are
        skipped, so that the nearest enclosing place is shown. ``offset`` and ``width`` narrow it to characters
        inside a scalar (an expression), counted in the scalar's own text.
        """
        if self._root is None:
            return Problem(self.path, 1, 1, message)
        node, key = self._locate(location)
        shown = key if (on_key and key is not None) else node
        line, column, end = self._span(shown)
        if width and isinstance(shown, yaml.ScalarNode):
            line, column = self._inside(shown, offset)
            end = column + width
        return Problem(self.path, line, column, message, self._line(line), max(1, end - column))

    def has(self, location: Location) -> bool:
        """Tell whether the file itself says something at this place."""
        node: Any = self._root
        for part in location:
            node = _child(node, part)[0]
            if node is None:
                return False
        return True

    # --- reading

    def _compose(self, text: str) -> Any:
        if len(text.encode("utf-8", "replace")) > _LARGEST:
            raise ConfigError([Problem(self.path, 1, 1, "the file is larger than 1 MiB; split it")])
        try:
            return yaml.compose(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            message = f"not readable as YAML: {error.problem or error.context}"
            raise ConfigError([Problem(self.path, line, column, message, self._line(line))]) from None
        except yaml.YAMLError as error:
            raise ConfigError([Problem(self.path, 1, 1, f"not readable as YAML: {error}".splitlines()[0])]) from None

    def _data(self, root: Any) -> Any:
        seen: set[int] = set()

        def convert(node: Any) -> Any:
            if id(node) in seen:
                self._mistake(node, "aliases (*name) are not allowed here; write the value again")
                return None
            seen.add(id(node))
            if isinstance(node, yaml.MappingNode):
                return mapping(node)
            if isinstance(node, yaml.SequenceNode):
                return [convert(child) for child in node.value]
            return self._scalar(node)

        def mapping(node: Any) -> dict[str, Any]:
            data: dict[str, Any] = {}
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    self._mistake(key, "a key must be a plain word")
                    continue
                if key.value in data:
                    self._mistake(key, f"the key {key.value!r} stands here twice")
                data[key.value] = convert(value)
            return data

        return convert(root)

    def _scalar(self, node: Any) -> Any:
        text: str = node.value
        if node.tag.startswith("!") or "python" in node.tag:
            self._mistake(node, f"tags ({node.tag}) are not allowed here")
            return None
        if node.style:  # quoted or block: always text
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.match(text):
            return int(text)
        if _DECIMAL.match(text):
            return float(text)
        return text

    # --- positions

    def _locate(self, location: Location) -> tuple[Any, Any]:
        node, key = self._root, None
        for part in location:
            child, child_key = _child(node, part)
            if child is not None:
                node, key = child, child_key
        return node, key

    def _span(self, node: Any) -> tuple[int, int, int]:
        start, end = node.start_mark, node.end_mark
        last = end.column if end.line == start.line else len(self._line(start.line + 1))
        return start.line + 1, start.column + 1, last + 1

    def _inside(self, node: Any, offset: int) -> tuple[int, int]:
        start = node.start_mark
        if node.style in {"|", ">"}:
            skipped = node.value[:offset]
            line = start.line + 1 + skipped.count("\n") + 1
            indent = len(self._line(line)) - len(self._line(line).lstrip())
            return line, indent + offset - (skipped.rfind("\n") + 1) + 1
        quoted = 1 if node.style in {"'", '"'} else 0
        if start.line != node.end_mark.line:  # a plain or quoted scalar folded over lines: only its start is certain
            return start.line + 1, start.column + 1
        return start.line + 1, start.column + 1 + quoted + offset

    def _line(self, number: int) -> str:
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def _mistake(self, node: Any, message: str) -> None:
        line, column, end = self._span(node)
        self.problems.append(Problem(self.path, line, column, message, self._line(line), max(1, end - column)))


def _child(node: Any, part: str | int) -> tuple[Any, Any]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return value, key
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], None
    return None, None


def read_document(path: Path) -> Document:
    """Read a file; raises ``ConfigError`` when it is missing, not UTF-8, empty or not YAML."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError([Problem(str(path), 1, 1, "there is no such file")]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(str(path), 1, 1, f"the file cannot be read: {error}")]) from None
    document = Document(text, str(path))
    if document.value is None:
        raise ConfigError([Problem(str(path), 1, 1, "the file is empty")])
    return document


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like a misspelt one, or ``None`` when nothing is close."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return found[0] if found else None
