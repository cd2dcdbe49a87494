"""Csv files: every byte that is not written stays as it is - encoding, delimiter, quoting, line ends, final newline."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from unicodedata import normalize
from zoneinfo import ZoneInfo

from duban.connectors.base import Cell
from duban.connectors.settings import WorkbookTable
from duban.connectors.values import parse_number, text_of
from duban.connectors.workbook.book import BookRow, Edited, Heading
from duban.errors import Rejected

_DELIMITERS = ",;\t|"
_RISKY = ("=", "+", "-", "@")


class _Field(NamedTuple):
    start: int
    end: int
    quoted: bool


class CsvBook:
    """One csv file. ``encoding`` overrules the detection (UTF-8 with or without mark, else GB18030)."""

    typed = False

    def __init__(self, data: bytes, name: str, zone: ZoneInfo, encoding: str | None = None) -> None:
        self._name, self._zone, self._data = name, zone, data
        self._mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
        self._encoding, self._text = _decode(data[len(self._mark) :], name, encoding)

    def headings(self, table: WorkbookTable) -> Sequence[Heading]:
        """Return the headings; raises ``Rejected`` when the file has no such row."""
        texts = self._texts(self._records(table), table.header)
        return [Heading(place, " ".join(text.split())) for place, text in enumerate(texts) if text.strip()]

    def rows(self, table: WorkbookTable) -> Iterator[BookRow]:
        """Yield the rows below the headings; lines without any text are no rows."""
        for number, fields in enumerate(self._scan(self._delimiter(table)), start=1):
            if number > table.header:
                texts = [self._value(field) for field in fields]
                cells: dict[int, Cell] = {place: text for place, text in enumerate(texts) if text.strip()}
                if cells:
                    yield BookRow(number, cells)

    def edited(self, table: WorkbookTable, changes: Mapping[int, Mapping[int, Cell]]) -> Edited:
        """Return the file with cells set; every other byte is the same."""
        delimiter = self._delimiter(table)
        refused: dict[int, str] = {}
        pieces: list[str] = []
        done = 0
        for number, fields in enumerate(self._scan(delimiter), start=1):
            if number not in changes:
                continue
            texts = {place: guarded(self._written(cell)) for place, cell in changes[number].items()}
            problem = self._problem(texts)
            if problem is not None:
                refused[number] = problem
                continue
            for start, end, text in _splices(fields, texts, delimiter):
                pieces += [self._text[done:start], text]
                done = end
        pieces.append(self._text[done:])
        return Edited(self._mark + "".join(pieces).encode(self._encoding), refused)

    # --- inside

    def _written(self, cell: Cell) -> str:
        return cell if isinstance(cell, str) else text_of(cell, self._zone)

    def _problem(self, texts: Mapping[int, str]) -> str | None:
        try:
            "".join(texts.values()).encode(self._encoding)
        except UnicodeEncodeError:
            return f"{self._name} is {self._encoding}, which cannot hold this text; save it as UTF-8"
        return None

    def _records(self, table: WorkbookTable) -> Iterator[list[_Field]]:
        return self._scan(self._delimiter(table))

    def _texts(self, records: Iterator[list[_Field]], number: int) -> list[str]:
        for place, fields in enumerate(records, start=1):
            if place == number:
                return [self._value(field) for field in fields]
        raise Rejected(f"{self._name} has no row {number}; correct header in the configuration")

    def _delimiter(self, table: WorkbookTable) -> str:
        if self._name.lower().endswith(".tsv"):
            return "\t"
        lines = re.split("\r\n|\r|\n", self._text, maxsplit=table.header)[table.header - 1 : table.header]
        bare = re.sub(r'"[^"]*"', "", lines[0]) if lines else ""
        return max(_DELIMITERS, key=bare.count)

    def _scan(self, delimiter: str) -> Iterator[list[_Field]]:
        """Yield the records as the places of their fields in the text."""
        text, place, escaped = self._text, 0, re.escape(delimiter)
        # A quote inside an unquoted field, or one that never ends, is an ordinary character.
        field = re.compile(f'("[^"]*(?:""[^"]*)*"(?={escaped}|[\r\n]|$))|[^{escaped}\r\n]*')
        ending = re.compile(f"{escaped}|\r\n|\r|\n")
        fields: list[_Field] = []
        while place < len(text) or fields:
            found = field.match(text, place)
            if found is None:  # cannot be: the pattern also matches nothing
                return
            fields.append(_Field(found.start(), found.end(), found[1] is not None))
            end = ending.match(text, found.end())
            place = end.end() if end else len(text)
            if end is None or end[0] != delimiter:
                yield fields
                fields = []
            elif place == len(text):
                yield [*fields, _Field(place, place, quoted=False)]
                return

    def _value(self, field: _Field) -> str:
        raw = self._text[field.start : field.end]
        return unguarded(raw[1:-1].replace('""', '"') if field.quoted else raw)


def _decode(data: bytes, name: str, encoding: str | None) -> tuple[str, str]:
    for candidate in (encoding,) if encoding else ("utf-8", "gb18030"):
        try:
            text = data.decode(candidate)
        except LookupError:
            raise Rejected(f"{candidate!r} is no encoding; correct encoding of {name}") from None
        except UnicodeDecodeError:
            continue
        if text.encode(candidate) == data:
            return candidate, text
    tried = encoding or "UTF-8 or GB18030"
    raise Rejected(f"{name} is not {tried}; save it as UTF-8, or name its encoding in the configuration")


def _splices(fields: Sequence[_Field], texts: Mapping[int, str], delimiter: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, new text) for one record, from left to right; a short record is made longer."""
    for place in sorted(place for place in texts if place < len(fields)):
        field = fields[place]
        yield field.start, field.end, _quoted(texts[place], delimiter, always=field.quoted)
    beyond = [place for place in texts if place >= len(fields) and texts[place]]
    if beyond:
        tail = (_quoted(texts.get(place, ""), delimiter) for place in range(len(fields), max(beyond) + 1))
        yield fields[-1].end, fields[-1].end, "".join(delimiter + text for text in tail)


def _quoted(text: str, delimiter: str, *, always: bool = False) -> str:
    if always or any(character in text for character in (delimiter, '"', "\r", "\n")):
        return '"' + text.replace('"', '""') + '"'
    return text


def _is_risky(text: str) -> bool:
    """Tell whether a spreadsheet may take a text for a formula, or we ourselves for a guarded text."""
    bare = text.lstrip("'")
    return bare[:1] in {"\t", "\r", "\n"} or normalize("NFKC", bare).lstrip().startswith(_RISKY)


def guarded(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: an apostrophe goes before ``= + - @``; numbers stay."""
    return f"'{text}" if _is_risky(text) and parse_number(text) is None else text


def unguarded(text: str) -> str:
    """Undo :func:`guarded`, so that what was written reads as what was meant."""
    return text[1:] if text.startswith("'") and _is_risky(text[1:]) else text


