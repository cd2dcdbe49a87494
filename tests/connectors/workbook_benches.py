"""The contract's table as an xlsx and as a csv file; people edit them with openpyxl and the csv module."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from contract import ZONE, Headings
from openpyxl import Workbook, load_workbook

from duban.connectors.settings import WorkbookSource, WorkbookTable
from duban.connectors.workbook import WorkbookConnector

CODE = "任务编号"
HEADINGS = Headings()
ROW = (
    CODE,
    HEADINGS.title,
    HEADINGS.note,
    HEADINGS.empty,
    HEADINGS.level,
    HEADINGS.text,
    HEADINGS.count,
    HEADINGS.time,
)


def connector(path: Path, **table: Any) -> WorkbookConnector:
    tables = (WorkbookTable(holds="task", name="tasks", **table),)
    return WorkbookConnector(WorkbookSource(name="plan", tool="workbook", path=str(path), tables=tables), zone=ZONE)


class _FileBench:
    label, page, headings = "tasks", 1_000, HEADINGS

    def __init__(self, path: Path) -> None:
        self.path, self._count = path, 0

    def connect(self) -> WorkbookConnector:
        return connector(self.path)

    def seed(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        codes = [f"T-{self._count + place}" for place in range(1, len(rows) + 1)]
        self._count += len(rows)
        added = [
            [code if name == CODE else row.get(name) for name in ROW] for code, row in zip(codes, rows, strict=True)
        ]
        self._change(lambda lines: [*lines, *added])
        return codes

    def edit(self, record: str, cells: Mapping[str, Any]) -> None:
        def edited(lines: list[list[Any]]) -> list[list[Any]]:
            for line in lines:
                if line[0] == record:
                    line[:] = [cells.get(name, cell) for name, cell in zip(ROW, line, strict=True)]
            return lines

        self._change(edited)

    def delete(self, record: str) -> None:
        self._change(lambda lines: [line for line in lines if line[0] != record])

    def cells(self, record: str) -> Mapping[str, Any]:
        line = next(line for line in self._lines() if line[0] == record)
        return {name: cell for name, cell in zip(ROW, line, strict=True) if cell not in {None, ""}}

    def _change(self, change: Callable[[list[list[Any]]], list[list[Any]]]) -> None:
        self._save(change(self._lines()))

    def _lines(self) -> list[list[Any]]:
        raise NotImplementedError

    def _save(self, lines: list[list[Any]]) -> None:
        raise NotImplementedError


class XlsxBench(_FileBench):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "plan.xlsx")
        book = Workbook()
        book.active.append(ROW)
        book.save(self.path)

    def _lines(self) -> list[list[Any]]:
        return [list(row) for row in load_workbook(self.path).active.iter_rows(min_row=2, values_only=True)]

    def _save(self, lines: list[list[Any]]) -> None:
        book = load_workbook(self.path)
        book.active.delete_rows(2, book.active.max_row)
        for line in lines:
            book.active.append(line)
        book.save(self.path)


class CsvBench(_FileBench):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "plan.csv")
        self._save([])

    def _lines(self) -> list[list[Any]]:
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.reader(file))[1:]

    def _save(self, lines: list[list[Any]]) -> None:
        with self.path.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows([ROW, *lines])
