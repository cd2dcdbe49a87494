"""Setting cells inside a worksheet's XML: only the bytes of those cells change.

The parser tells where elements begin in the bytes; what is not spliced is copied as it stands, namespaces, extensions
and cached results included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.sax.saxutils import escape

from openpyxl.utils import column_index_from_string, get_column_letter
from openpyxl.utils.cell import coordinate_from_string

from duban.connectors.values import number_text
from duban.connectors.workbook.package import Package, local_name, run
from duban.errors import Rejected

LONGEST = 32_767  # characters in one cell, Excel's own limit

_TAG = re.compile(rb"""<(?:[^>"']|"[^"]*"|'[^']*')*>""")
_SPANS = re.compile(rb"""\sspans=("[^"]*"|'[^']*')""")
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

Plain = str | float | None


class Splice(NamedTuple):
    """Bytes from ``start`` to ``end`` of a part give way to ``data``."""

    start: int
    end: int
    data: bytes


class Place(NamedTuple):
    """One cell as it stands in the XML: its column from 0, its bytes, its style, whether it holds a formula."""

    column: int
    start: int
    end: int
    style: int | None
    formula: bool


@dataclass(slots=True)
class RowPlace:
    """One row as it stands in the XML. ``inner_end`` is where further cells may be appended."""

    start: int
    head_end: int
    inner_end: int
    prefix: str
    style: int | None
    closed: bool
    cells: list[Place] = field(default_factory=list)

    def cell(self, column: int) -> Place | None:
        """Return the cell in this column, if the row has one."""
        return next((cell for cell in self.cells if cell.column == column), None)


class SheetXml:
    """One worksheet's part, parsed for the rows that are to be written."""

    def __init__(self, package: Package, part: str, rows: frozenset[int]) -> None:
        self.data = package.read(part)
        if self.data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
            raise Rejected(f"{package.name} is encoded as UTF-16; open it in a spreadsheet program and save it again")
        self.rows: dict[int, RowPlace] = {}
        self._styles: list[tuple[int, int, int]] = []
        self._walk(package, rows)

    def style(self, row: RowPlace, column: int) -> int:
        """Return the style of a cell, or the one that a new cell here takes from its row or column."""
        cell = row.cell(column)
        if cell is not None:
            return cell.style or 0
        if row.style is not None:
            return row.style
        return next((style for first, last, style in self._styles if first <= column + 1 <= last), 0)

    def spliced(self, splices: list[Splice]) -> bytes:
        """Return the part with the splices done."""
        return splice(self.data, splices)

    def _walk(self, package: Package, wanted: frozenset[int]) -> None:
        parser = package.parser()
        data, state = self.data, _State()

        def start(tag: str, attributes: dict[str, str]) -> None:
            name = local_name(tag)
            if name == "col":
                self._styles.append((int(attributes["min"]), int(attributes["max"]), int(attributes.get("style", 0))))
            elif name == "row":
                state.enter_row(attributes)
                if state.number in wanted:
                    self.rows[state.number] = _row_place(data, parser.CurrentByteIndex, tag, attributes)
            elif state.in_row:
                state.enter(name, attributes, parser.CurrentByteIndex)

        def end(tag: str) -> None:
            row = self.rows.get(state.number) if state.in_row else None
            if local_name(tag) == "row":
                state.in_row = False
            if row is not None:
                _leave(row, local_name(tag), state, data, parser.CurrentByteIndex)

        parser.StartElementHandler, parser.EndElementHandler = start, end
        run(parser, data, package.name)


@dataclass(slots=True)
class _State:
    """Where the parser is. Rows and cells may leave out their numbers: then they follow the one before."""

    number: int = 0
    column: int = -1
    in_row: bool = False
    cell_start: int = 0
    style: int | None = None
    formula: bool = False

    def enter_row(self, attributes: Mapping[str, str]) -> None:
        self.number = int(attributes.get("r", self.number + 1))
        self.column, self.in_row = -1, True

    def enter(self, name: str, attributes: Mapping[str, str], start: int) -> None:
        if name == "f":
            self.formula = True
        if name != "c":
            return
        self.column = _column(attributes["r"]) if "r" in attributes else self.column + 1
        self.cell_start, self.formula = start, False
        self.style = int(attributes["s"]) if "s" in attributes else None

    def place(self, end: int) -> Place:
        return Place(self.column, self.cell_start, end, self.style, self.formula)


def _leave(row: RowPlace, name: str, state: _State, data: bytes, at: int) -> None:
    if name == "c":
        row.cells.append(state.place(_end_of(data, state.cell_start, at)))
    elif name == "row" and not row.closed:
        row.inner_end = at


def _column(coordinate: str) -> int:
    return column_index_from_string(coordinate_from_string(coordinate)[0]) - 1


def _row_place(data: bytes, start: int, tag: str, attributes: Mapping[str, str]) -> RowPlace:
    head_end = tag_end(data, start)
    styled = attributes.get("customFormat") in {"1", "true"} and "s" in attributes
    style = int(attributes["s"]) if styled else None
    closed = data[head_end - 2 : head_end] == b"/>"
    return RowPlace(start, head_end, head_end, tag[: -len("row")], style, closed)


def tag_end(data: bytes, start: int) -> int:
    """Return where the tag that begins at ``start`` ends."""
    found = _TAG.match(data, start)
    return found.end() if found else start


def _end_of(data: bytes, start: int, end_tag: int) -> int:
    head = tag_end(data, start)
    return head if data[head - 2 : head] == b"/>" else tag_end(data, end_tag)


def splice(data: bytes, splices: list[Splice]) -> bytes:
    """Return the bytes with the splices done; they must not overlap."""
    pieces: list[bytes] = []
    done = 0
    for part in sorted(splices, key=lambda entry: (entry.start, entry.end)):
        pieces += [data[done : part.start], part.data]
        done = part.end
    return b"".join([*pieces, data[done:]])


def row_splices(row: RowPlace, number: int, cells: Mapping[int, tuple[Plain, int]], data: bytes) -> Iterator[Splice]:
    """Yield what sets cells of one row: column -> (plain value, style). A ``None`` that has no cell needs nothing."""
    added: list[tuple[int, bytes]] = []
    for column in sorted(cells):
        value, style = cells[column]
        present = row.cell(column)
        xml = _cell_xml(row.prefix, f"{get_column_letter(column + 1)}{number}", value, style)
        if present is not None:
            yield Splice(present.start, present.end, xml)
        elif value is not None:
            added.append((column, xml))
    if not added:
        return
    head = _SPANS.sub(b"", data[row.start : row.head_end])
    if row.closed:
        inner = b"".join(xml for _, xml in added)
        yield Splice(row.start, row.head_end, head[:-2] + b">" + inner + f"</{row.prefix}row>".encode())
        return
    yield Splice(row.start, row.head_end, head)
    for column, xml in added:
        after = next((cell.start for cell in row.cells if cell.column > column), row.inner_end)
        yield Splice(after, after, xml)


def _cell_xml(prefix: str, coordinate: str, value: Plain, style: int) -> bytes:
    head = f'<{prefix}c r="{coordinate}"' + (f' s="{style}"' if style else "")
    if value is None:
        xml = f"{head}/>"
    elif isinstance(value, str):
        # An inline string is text whatever it begins with: "=1+1" does not become a formula.
        text = escape(_UNWRITABLE.sub("", value.replace("\r\n", "\n").replace("\r", "\n")))
        inner = f'<{prefix}is><{prefix}t xml:space="preserve">{text}</{prefix}t></{prefix}is>'
        xml = f'{head} t="inlineStr">{inner}</{prefix}c>'
    else:
        xml = f"{head}><{prefix}v>{number_text(value)}</{prefix}v></{prefix}c>"
    return xml.encode()
