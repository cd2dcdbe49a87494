"""xlsx files: read by openpyxl (values as Excel last computed them), written by splicing the cells into their XML."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from io import BytesIO
from itertools import repeat
from typing import Any
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile
from zoneinfo import ZoneInfo

from openpyxl import load_workbook
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, to_excel
from openpyxl.utils.exceptions import InvalidFileException

from duban.connectors.base import Cell
from duban.connectors.settings import WorkbookTable
from duban.connectors.values import local, text_of
from duban.connectors.workbook.book import BookRow, Edited, Heading
from duban.connectors.workbook.package import STYLES_TYPE, Package, local_name
from duban.connectors.workbook.patch import LONGEST, Plain, RowPlace, SheetXml, Splice, row_splices, splice, tag_end
from duban.connectors.workbook.styles import Styles
from duban.errors import Rejected
from duban.yamlfile import nearest

_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
# What openpyxl raises for files that are not as it expects; it has no error of its own for them.
_DAMAGE = (InvalidFileException, BadZipFile, ParseError, KeyError, ValueError, TypeError, AttributeError, IndexError)
_QUOTED_FORMAT = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_RECALCULATE = re.compile(rb"""\sfullCalcOnLoad=("[^"]*"|'[^']*')""")


class XlsxBook:
    """One xlsx (or xlsm) file."""

    typed = True

    def __init__(self, data: bytes, name: str, zone: ZoneInfo) -> None:
        self._data, self._name, self._zone = data, name, zone
        self._package = Package(data, name)
        self._sheets = self._package.sheets()

    def headings(self, table: WorkbookTable) -> Sequence[Heading]:
        """Return the headings; raises ``Rejected`` for an unknown sheet."""
        with self._opened(table, formulas=False) as rows:
            cells = next((row for number, row in rows if number == table.header), ())
        texts = (" ".join(text_of(cell.value, self._zone).split()) for cell in cells)
        return [Heading(place, text) for place, text in enumerate(texts) if text]

    def rows(self, table: WorkbookTable) -> Iterator[BookRow]:
        """Yield the rows below the headings. A formula that Excel never computed is a bad cell, not an empty one."""
        part = self._package.read(self._part(table))
        with self._opened(table, formulas=False) as values, self._formulas(table, part) as formulas:
            for (number, row), (_, written) in zip(values, formulas, strict=False):
                if number > table.header:
                    read = _book_row(number, row, written, self._zone)
                    if read.cells or read.bad:
                        yield read

    def edited(self, table: WorkbookTable, changes: Mapping[int, Mapping[int, Cell]]) -> Edited:
        """Return the file with cells set; every other part and every other cell keeps its bytes."""
        if any(name.startswith("_xmlsignatures/") for name in self._package.names):
            raise Rejected(f"{self._name} is digitally signed and any change breaks the signature; remove it first")
        part = self._part(table)
        sheet = SheetXml(self._package, part, frozenset(changes))
        styles_part = next(entry.name for entry in self._package.parts() if entry.type.endswith(STYLES_TYPE))
        styles, refused, splices = Styles(self._package, styles_part), dict[int, str](), list[Splice]()
        for number, cells in changes.items():
            row = sheet.rows.get(number)
            problem = _problem(row, cells)
            if row is None or problem is not None:
                refused[number] = problem or f"row {number} is not in the sheet any more"
                continue
            plain = {place: self._plain(cell, sheet.style(row, place), styles) for place, cell in cells.items()}
            splices += row_splices(row, number, plain, sheet.data)
        parts = {part: sheet.spliced(splices)}
        styled = styles.data()
        if styled is not None:
            parts[styles_part] = styled
        return Edited(self._package.replaced({**parts, **self._recalculating()}), refused)

    # --- reading

    def _part(self, table: WorkbookTable) -> str:
        if table.sheet is None and self._sheets:
            return next(iter(self._sheets.values()))
        if table.sheet not in self._sheets:
            close = nearest(table.sheet or "", self._sheets)
            hint = f"did you mean {close!r}?" if close else f"its sheets: {', '.join(self._sheets)}"
            raise Rejected(f"{self._name} has no sheet {table.sheet!r}; {hint}")
        return self._sheets[table.sheet]

    @contextmanager
    def _opened(self, table: WorkbookTable, *, formulas: bool) -> Iterator[Iterator[tuple[int, Sequence[Any]]]]:
        self._part(table)
        # openpyxl warns of what it would lose on saving; it never saves here.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"openpyxl\.")
        try:
            book = load_workbook(BytesIO(self._data), read_only=True, data_only=not formulas)
        except _DAMAGE as error:
            raise self._damaged(error) from None
        try:
            sheet: Any = book[table.sheet or next(iter(self._sheets))]
            sheet.reset_dimensions()  # some programs write a wrong size, which would cut the rows off
            yield self._numbered(sheet)
        finally:
            book.close()

    def _numbered(self, sheet: Any) -> Iterator[tuple[int, Sequence[Any]]]:
        try:
            yield from enumerate(sheet.iter_rows(), start=1)
        except _DAMAGE as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> Rejected:
        return Rejected(f"{self._name} is damaged ({error}); open it in a spreadsheet program and save it again")

    @contextmanager
    def _formulas(self, table: WorkbookTable, part: bytes) -> Iterator[Iterator[tuple[int, Sequence[Any]]]]:
        if _FORMULA.search(part) is None:  # the second pass costs as much as the first
            yield repeat((0, ()))
            return
        with self._opened(table, formulas=True) as rows:
            yield rows

    # --- writing

    def _plain(self, cell: Cell, style: int, styles: Styles) -> tuple[Plain, int]:
        if cell is None or isinstance(cell, str):
            return cell, style
        if isinstance(cell, (bool, tuple)):
            return text_of(cell, self._zone), style
        if isinstance(cell, (int, float)):
            return float(cell), style
        naive = local(cell, self._zone).replace(tzinfo=None) if isinstance(cell, datetime) else cell
        serial: Callable[[object, datetime], float] = to_excel
        return float(serial(naive, self._epoch())), styles.dated(style)

    def _epoch(self) -> datetime:
        found: list[str] = []

        def start(tag: str, attributes: dict[str, str]) -> None:
            if local_name(tag) == "workbookPr":
                found.append(attributes.get("date1904", "0"))

        self._package.parse(self._package.workbook, start)
        return CALENDAR_MAC_1904 if found[:1] in (["1"], ["true"]) else CALENDAR_WINDOWS_1900

    def _recalculating(self) -> dict[str, bytes]:
        """Return the workbook part with the order to recompute formulas at the next opening, if there are any."""
        if not any(_FORMULA.search(self._package.read(part)) for part in self._sheets.values()):
            return {}
        data, places = self._package.read(self._package.workbook), list[int]()
        parser = self._package.parser()

        def start(tag: str, _: dict[str, str]) -> None:
            if local_name(tag) == "calcPr":
                places.append(parser.CurrentByteIndex)

        parser.StartElementHandler = start
        parser.Parse(data, True)
        if not places:
            return {}
        end = tag_end(data, places[0])
        head = _RECALCULATE.sub(b"", data[places[0] : end])
        close = b"/>" if head.endswith(b"/>") else b">"
        marked = head[: -len(close)].rstrip() + b' fullCalcOnLoad="1"' + close
        return {self._package.workbook: splice(data, [Splice(places[0], end, marked)])}


def _problem(row: RowPlace | None, cells: Mapping[int, Cell]) -> str | None:
    if row is None:
        return None
    for place, cell in cells.items():
        present = row.cell(place)
        if present is not None and present.formula:
            return "the cell to be written holds a formula; clear it, duban's columns must be plain"
        if isinstance(cell, str) and len(cell) > LONGEST:
            return f"the text has {len(cell)} characters, a cell holds {LONGEST}"
    return None


def _book_row(number: int, row: Sequence[Any], written: Sequence[Any], zone: ZoneInfo) -> BookRow:
    cells: dict[int, Cell] = {}
    bad: dict[int, str] = {}
    for place, cell in enumerate(row):
        value = cell.value
        if value is None:
            formula = written[place].value if place < len(written) else None
            if formula is not None and cell.data_type != "str":  # "str": Excel computed it, to an empty text
                bad[place] = str(getattr(formula, "text", None) or formula)
        elif cell.data_type == "e":
            bad[place] = str(value)
        else:
            typed = _typed(value, cell, zone)
            if typed is not None:
                cells[place] = typed
    return BookRow(number, cells, bad)


def _typed(value: object, cell: Any, zone: ZoneInfo) -> Cell:
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return round(value * 100, 10) if _is_percent(cell.number_format) else float(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=zone)
    if isinstance(value, date):
        return value
    if isinstance(value, time):
        return f"{value:%H:%M}"
    return str(value) if isinstance(value, timedelta) else text_of(value, zone)


def _is_percent(number_format: str | None) -> bool:
    return "%" in _QUOTED_FORMAT.sub("", number_format or "")
