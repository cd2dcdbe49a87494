"""YAML files that people write: plain data with the position of every key and value.

PyYAML's ``compose`` keeps the marks; this module turns nodes into data itself, because YAML 1.1 would read ``9:00`` as
540 and ``no`` as false, and lets the last of two equal keys win (facts/rules-and-state section 3). Here ``true``,
``false``, ``null``, whole numbers and decimals are typed, everything else (dates, times, yes/no, numbers of more than
15 digits) stays text. Duplicate keys, aliases, tags, more than one document, nesting deeper than 50 and files above
1 MiB are mistakes of the file.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from duban.errors import ConfigError, Problem

_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,14})\Z")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,14})\.[0-9]{1,15}\Z")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "Null": None, "~": None, "": None}
_LARGEST = 1 << 20
_DEEPEST = 50  # libyaml's composer recurses in C: 200,000 brackets end the process (measured)
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BREAKS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # YAML's line breaks; str.splitlines knows others too
_REFERENCE = re.compile(r"\$\{[^}]*\}\Z")
_KEY = re.compile(r"""([\w.-]+)["']?\s*:""")
_PASSWORD = re.compile(r"(://[^/\s:@]*:)([^@\s]+)(?=@)")

Location = Sequence[str | int]


class _Loader(_PARSER):  # type: ignore[misc]
    """Gives nodes without working out which tag each plain scalar would have: :func:`_scalar` decides, by less."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:  # noqa: ARG002 - PyYAML's own signature
        """Every node gets the same tag, which nobody asks for."""
        return ""

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        """Nothing depends on where a node stands."""

    def ascend_resolver(self) -> None:
        """See :meth:`descend_resolver`."""


class Document:
    """One YAML file: ``value`` is its plain data, :meth:`problem` points into its text.

    ``secret_keys`` are keys whose values must never be shown: wherever one of them (or a word much like it) stands,
    a literal value appears as asterisks in the source lines of problems. Passwords in URLs are hidden everywhere.
    """

    def __init__(self, text: str, path: str, *, secret_keys: Iterable[str] = ()) -> None:
        self.path = path
        self.lines = _BREAKS.split(text)
        self.problems: list[Problem] = []
        self._secret_keys = tuple(secret_keys)
        self._root = self._compose(text)
        if self._secret_keys:
            self._hide(self._root, secret=False)
        self.value: Any = None if self._root is None else self._data(self._root)
        if self.problems:
            raise ConfigError(self.problems)

    def problem(
        self, location: Location, message: str, *, on_key: bool = False, offset: int = 0, width: int = 0
    ) -> Problem:
        """Return a problem at a place in the data.

        ``location`` is a path of keys and indexes; parts that the file lacks (a missing key, a pydantic tag) are
        skipped, so that the nearest enclosing place is shown. ``offset`` and ``width`` narrow it to characters
        inside a scalar (an expression), counted in the scalar's own text.
        """
        if self._root is None:
            return Problem(self.path, 1, 1, message)
        node, key = self._locate(location)
        empty = isinstance(node, yaml.ScalarNode) and node.start_mark.index == node.end_mark.index
        shown = key if ((on_key or empty) and key is not None) else node
        line, column, end = self._span(shown)
        inside = self._inside(shown, offset) if width and isinstance(shown, yaml.ScalarNode) else None
        if inside is not None:
            line, column = inside
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
        if strange := _UNREADABLE.search(text):
            before = _BREAKS.split(text[: strange.start()])
            message = f"the character U+{ord(strange.group()):04X} is not allowed; remove it"
            raise ConfigError([Problem(self.path, len(before), len(before[-1]) + 1, message)])
        try:
            refused = list(self._refused(text))
            root = None if refused else yaml.compose(text, Loader=_Loader)
        except yaml.MarkedYAMLError as error:
            refused = [self._unparsed(error)]
        if refused:
            raise ConfigError(refused)
        return root

    def _refused(self, text: str) -> Iterator[Problem]:
        """Find what is YAML but not wanted, in the flat stream of events: it costs no memory and cannot recurse."""
        depth = 0
        event: Any
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            message = ""
            if depth > _DEEPEST:
                message = f"nested deeper than {_DEEPEST} levels; write it flatter"
            elif isinstance(event, yaml.AliasEvent):
                message = "aliases (*name) are not allowed here; write the value again"
            elif getattr(event, "tag", None):
                message = "tags (!name) are not allowed here; write the plain value"
            if message:
                line, column = event.start_mark.line + 1, event.start_mark.column + 1
                width = event.end_mark.column + 1 - column if event.end_mark.line + 1 == line else 1
                yield Problem(self.path, line, column, message, self._veiled(line), max(1, width))
            if depth > _DEEPEST:
                return

    def _unparsed(self, error: Any) -> Problem:
        unended = "end of stream" in (error.problem or "")  # then the beginning tells more than the end
        keyless = "could not find expected ':'" in (error.problem or "")  # said only on the line after
        mark = (error.context_mark if unended or keyless else None) or error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        said = " ".join(filter(None, (error.context, error.problem)))
        if keyless and "：" in self._line(line):
            said += "; it has a full-width ：, write : and a space"
        if "${" in self._line(line) and "{" in self._line(line).replace("${", ""):
            said += '; inside { } put "${NAME}" in quotes'
        return Problem(self.path, line, column, f"not readable as YAML: {said}", self._veiled(line))

    def _data(self, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        if isinstance(node, yaml.SequenceNode):
            return [self._data(child) for child in node.value]
        return _scalar(node)

    def _mapping(self, node: Any) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._mistake(key, "a key must be a plain word")
                continue
            if key.value in data:
                self._mistake(key, f"the key {key.value!r} stands here twice; keep one of them")
            data[key.value] = self._data(value)
        return data

    # --- what is never shown

    def _hide(self, node: Any, *, secret: bool) -> None:
        """Blank the literal values of secret keys in ``lines``, so that no problem can show them."""
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                word = key.value if isinstance(key, yaml.ScalarNode) else ""
                inner = secret and word not in {"file", "command"}
                self._hide(value, secret=inner or self._is_secret(word))
        elif isinstance(node, yaml.SequenceNode):
            for child in node.value:
                self._hide(child, secret=secret)
        elif secret and node is not None and not _REFERENCE.match(node.value):
            first, last = node.start_mark, node.end_mark
            for number in range(first.line, min(last.line + 1, len(self.lines))):
                line = self.lines[number]
                start = first.column if number == first.line else 0
                end = last.column if number == last.line else len(line)
                self.lines[number] = line[:start] + re.sub(r"\S", "*", line[start:end]) + line[end:]

    def _is_secret(self, word: str) -> bool:
        return bool(difflib.get_close_matches(word.casefold(), self._secret_keys, n=1, cutoff=0.75))

    def _veiled(self, number: int) -> str:
        """Return a line of a text that has no nodes: what follows a secret key is hidden to the line's end.

        A line without any key, or indented below a secret key, may be the rest of a secret: nothing of it is shown.
        """
        line = self._line(number)
        keys = list(_KEY.finditer(line))
        above = _KEY.findall(self._parent(number))
        if self._secret_keys and (not keys or (above and self._is_secret(above[-1]))):
            return ""
        for key in keys:
            value = line[key.end() :].strip()
            if self._is_secret(key.group(1)) and not value.startswith(("${", '"${', "'${", "{file", "{command")):
                return line[: key.end()] + re.sub(r"\S", "*", line[key.end() :])
        return line

    def _parent(self, number: int) -> str:
        """Return the nearest line above that is indented less."""
        indent = _indent(self._line(number))
        above = (self._line(other) for other in range(number - 1, 0, -1))
        return next((line for line in above if line.strip() and _indent(line) < indent), "")

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
        last = end.column if end.line == start.line else len(self._line(start.line + 1).rstrip())
        return start.line + 1, start.column + 1, last + 1

    def _inside(self, node: Any, offset: int) -> tuple[int, int] | None:
        """Return line and column of a character of a scalar's text; ``None`` where escapes hide it."""
        start, end = node.start_mark, node.end_mark
        if node.style == "|":
            return self._inside_block(node, offset)
        quoted = 1 if node.style in {"'", '"'} else 0
        written = self._line(start.line + 1)[start.column + quoted : end.column - quoted]
        if start.line == end.line and written == node.value:
            return start.line + 1, start.column + 1 + quoted + offset
        return None if start.line == end.line else self._inside_folded(node, offset)

    def _inside_folded(self, node: Any, offset: int) -> tuple[int, int] | None:
        """Count what is no space: folding changes nothing else. ``None`` where that does not come out."""
        start, end = node.start_mark, node.end_mark
        first = (start.line + 1, 0) if node.style == ">" else (start.line, start.column + (1 if node.style else 0))
        signs = [
            (number, column)
            for number in range(first[0], min(end.line + 1, len(self.lines)))
            for column, sign in enumerate(self.lines[number])
            if not sign.isspace() and (number, column) >= first and (number, column) < (end.line, end.column)
        ]
        wanted = [place for place, sign in enumerate(node.value) if not sign.isspace()]
        written = "".join(self.lines[number][column] for number, column in signs)
        if not written.startswith("".join(node.value.split())):
            return None
        found = next((count for count, place in enumerate(wanted) if place >= offset), None)
        return None if found is None else (signs[found][0] + 1, signs[found][1] + 1)

    def _inside_block(self, node: Any, offset: int) -> tuple[int, int]:
        before = node.value[:offset]
        line = node.start_mark.line + 2 + before.count("\n")
        first = next((text for text in node.value.split("\n") if text.strip()), "")
        written = next((text for text in self.lines[node.start_mark.line + 1 :] if text.strip()), "")
        indent = _indent(written) - _indent(first)
        return line, indent + offset - (before.rfind("\n") + 1) + 1

    def _line(self, number: int) -> str:
        line = self.lines[number - 1] if 0 < number <= len(self.lines) else ""
        return _PASSWORD.sub(lambda found: found.group(1) + "*" * len(found.group(2)), line)

    def _mistake(self, node: Any, message: str) -> None:
        line, column, end = self._span(node)
        self.problems.append(Problem(self.path, line, column, message, self._line(line), max(1, end - column)))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _scalar(node: Any) -> Any:
    text: str = node.value
    if node.style:  # quoted or block: always text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text):
        return int(text)
    if _DECIMAL.match(text):
        return float(text)
    return text


def _child(node: Any, part: str | int) -> tuple[Any, Any]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return value, key
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], None
    return None, None


def read_document(path: Path, *, secret_keys: Iterable[str] = ()) -> Document:
    """Read a file; raises ``ConfigError`` when it is missing, not UTF-8, empty or not YAML."""
    text, mistake = _text(path)
    if mistake is not None:
        raise ConfigError([mistake])
    document = Document(text, str(path), secret_keys=secret_keys)
    if document.value is None:
        raise ConfigError([Problem(str(path), 1, 1, "the file is empty; write it or leave its name out")])
    return document


def _text(path: Path) -> tuple[str, Problem | None]:
    # An undecodable file is told by line alone: the decoder's own error would carry the whole text, secrets included.
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 4)
    except FileNotFoundError:
        return "", Problem(str(path), 1, 1, "there is no such file; check the name")
    except OSError as error:
        return "", Problem(str(path), 1, 1, f"the file cannot be read: {error.strerror or error}")
    if len(data) > _LARGEST:
        return "", Problem(str(path), 1, 1, "the file is larger than 1 MiB; split it")
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return "", Problem(str(path), line, 1, "the file is not UTF-8; save it as UTF-8")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like a misspelt one, or ``None`` when nothing is close.

    Half of a Chinese word may be wrong (状太: 状态); for Latin letters that would call everything alike. Of equally
    close words one with the same characters is meant (LAG-20: LAG-02).
    """
    found = difflib.get_close_matches(word, list(known), n=8, cutoff=0.6 if word.isascii() else 0.5)
    swapped = (other for other in found if sorted(other) == sorted(word))
    return next(swapped, found[0]) if found else None
