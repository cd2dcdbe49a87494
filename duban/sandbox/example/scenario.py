"""Reading rows of several tools from one YAML file: the worked example, or a file of one's own in the same form.

``tables`` say tool, container, item type, columns (heading -> form) and duban's own columns; ``rows`` their cells in
plain form: dates as ``2024-07-20``, times as ``2024-07-20 18:00``, both local. How each tool stores them is said under
``encoding`` in scenario.yaml, and done by the three modules beside this one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import yaml

from duban.errors import ConfigError
from duban.item import KINDS, Kind, OwnColumn, own_columns

Tool = Literal["feishu", "teambition", "airtable"]
EXAMPLE = Path(__file__).parent / "scenario.yaml"
TOOLS: Mapping[str, Tool] = {
    "feishu_bitable": "feishu", "feishu": "feishu", "teambition": "teambition", "airtable": "airtable",
}  # fmt: skip
FORMS = frozenset({
    "text", "person", "status", "date", "datetime", "number", "number_0_100", "percent_fraction", "url", "codes",
    "single_select", "multi_select", "formula",
})  # fmt: skip
# The names that the example's configuration gives to its sources and tables.
SOURCES: Mapping[Tool, str] = {"teambition": "rd", "feishu": "market", "airtable": "sales"}
LABELS = {
    "tb_rd": "rd_tasks", "fs_task": "tasks", "fs_issue": "problems", "fs_risk": "risks", "fs_meeting": "meetings",
    "fs_resource": "resources", "fs_project": "projects", "at_tasks": "channel",
}  # fmt: skip
_BY_COLUMN = re.compile(r"by column ([^:：]+)[:：](.+)")
_ONE_VOCABULARY = ("canonical_status", "upstream_state")  # own columns that task tables of the sandbox have besides
_DAY, _LOADER = 10, getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table. ``columns`` are heading -> form, ``own`` duban's own columns by heading; ``by_column`` names the
    column that tells the kinds apart and which kind each of its options means."""

    key: str
    tool: Tool
    container: str
    kinds: tuple[Kind, ...]
    by_column: tuple[str, Mapping[str, Kind]] | None
    columns: Mapping[str, str]
    own: Mapping[str, OwnColumn]
    fixed: Mapping[str, Any]

    @property
    def source(self) -> str:
        """The name of its source in the configuration."""
        return SOURCES[self.tool]

    @property
    def label(self) -> str:
        """Its name in the configuration."""
        return LABELS.get(self.key, self.key)


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its name in the file, its table's key, its cells by heading, what duban remembers of it."""

    name: str
    sheet: str
    cells: Mapping[str, Any]
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything of one file. ``now`` is the moment it plays at, ``None`` for the present."""

    title: str
    zone: ZoneInfo
    now: datetime | None
    sheets: Mapping[str, Sheet]
    lines: tuple[Line, ...]
    departments: Mapping[str, Mapping[str, Any]]
    aliases: Mapping[str, str]

    def without_rows(self) -> Scenario:
        """Return the same tables, empty."""
        return replace(self, lines=())

    def people(self) -> tuple[str, ...]:
        """Return everybody of the directory."""
        names: dict[str, None] = {}
        for entry in self.departments.values():
            posts = (entry.get("head"), entry.get("superior"), entry.get("liaison"), *entry.get("members", ()))
            names.update((name, None) for name in posts if name)
        return tuple(names)

    def strangers(self, sheet: Sheet) -> tuple[str, ...]:
        """Return the people in a table's cells whom the directory does not know."""
        headings = [heading for heading, form in sheet.columns.items() if form == "person"]
        cells = (line.cells.get(heading) for line in self.of(sheet) for heading in headings)
        named = (name for cell in cells for name in several(cell))
        return tuple(name for name in dict.fromkeys(named) if name not in self.people())

    def of(self, sheet: Sheet) -> list[Line]:
        """Return a table's rows."""
        return [line for line in self.lines if line.sheet == sheet.key]

    def options(self, sheet: Sheet, heading: str) -> list[str]:
        """Return what stands in the cells of a select, and all departments where it names departments."""
        seen = dict.fromkeys(str(entry) for line in self.of(sheet) for entry in several(line.cells.get(heading)))
        departments = [*self.departments, *self.aliases]
        if seen and all(name in departments for name in seen):
            names = self.aliases if any(name in self.aliases for name in seen) else self.departments
            seen |= dict.fromkeys(names)
        return list(seen)


def several(cell: Any) -> list[Any]:
    """Return a cell as a list."""
    if cell in (None, ""):
        return []
    return list(cell) if isinstance(cell, (list, tuple)) else [cell]


def read_scenario(path: Path = EXAMPLE) -> Scenario:
    """Read a file of rows. Raises ``ConfigError`` with the sentence that says what is wrong with it."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - a safe loader, in C
    except OSError as error:
        raise ConfigError(f"the rows file {path} cannot be read ({error.strerror}); check its path") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"the rows file {path} is not YAML: {' '.join(str(error).split())}") from None
    try:
        return _scenario(data)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        hint = "it must have tables and rows in the form of duban/sandbox/example/scenario.yaml"
        raise ConfigError(f"the rows file {path} is not understood ({error!r}); {hint}") from None


def _scenario(data: Mapping[str, Any]) -> Scenario:
    meta, directory = data.get("meta", {}), data.get("directory", {})
    zone = ZoneInfo(meta.get("timezone", "Asia/Shanghai"))
    moments = [str(entry["now"]) for entry in meta.get("snapshots", {}).values()]
    sheets = {str(key): _sheet(str(key), entry) for key, entry in data["tables"].items()}
    return Scenario(
        str(meta.get("name", "sandbox")), zone, datetime.fromisoformat(moments[0]) if moments else None, sheets,
        tuple(_line(entry, sheets) for entry in data.get("rows") or ()),
        directory.get("departments", {}), directory.get("department_aliases", {}),
    )  # fmt: skip


def _sheet(key: str, data: Mapping[str, Any]) -> Sheet:
    tool = TOOLS.get(str(data["tool"]))
    if tool is None:
        raise ConfigError(f"table {key}: there is no tool {data['tool']!r}; it is one of {', '.join(TOOLS)}")
    strange = [f"{heading}: {form}" for heading, form in data["columns"].items() if form not in FORMS]
    if strange:
        known = ", ".join(sorted(FORMS))
        raise ConfigError(f"table {key}: no column has the form {strange[0]!r}; it is one of {known}")
    kinds, by_column = _kinds(key, str(data["item_type"]))
    columns = {str(heading): str(form) for heading, form in data["columns"].items()}
    own = {heading: _own(key, heading, kinds) for heading in map(str, data.get("writeback", ()))}
    if kinds == ("task",):
        there = {column.key for column in own.values()}
        wanted = [column for column in own_columns("task") if column.key in _ONE_VOCABULARY and column.key not in there]
        own |= {column.en if tool == "airtable" else column.zh: column for column in wanted}
    return Sheet(key, tool, str(data["container"]), kinds, by_column, columns, own, data.get("fixed", {}))


def _kinds(key: str, text: str) -> tuple[tuple[Kind, ...], tuple[str, Mapping[str, Kind]] | None]:
    found = _BY_COLUMN.fullmatch(text.strip())
    pairs = [part.split("->") for part in re.split(r"[,，]", found[2])] if found else []
    words = {pair[0].strip(): pair[1].strip() for pair in pairs} if found else {"": text.strip()}
    kinds: dict[str, Kind] = {word: kind for word, name in words.items() for kind in KINDS if kind == name}
    if len(kinds) != len(words):
        known = ", ".join(KINDS)
        raise ConfigError(f"table {key}: item_type {text!r} must be one of {known}, or 'by column X: a->issue'")
    return tuple(dict.fromkeys(kinds.values())), (found[1].strip(), kinds) if found else None


def _own(key: str, heading: str, kinds: tuple[Kind, ...]) -> OwnColumn:
    for kind in kinds:
        for column in own_columns(kind):
            if heading in {column.zh, column.en, column.zh_issue_risk}:
                return column
    raise ConfigError(f"table {key}: {heading!r} is no own column of {' and '.join(kinds)} (guide/writeback.yaml)")


def _line(data: Mapping[str, Any], sheets: Mapping[str, Sheet]) -> Line:
    name, sheet = str(data["row"]), sheets.get(str(data["table"]))
    if sheet is None:
        raise ConfigError(f"row {name}: there is no table {data['table']!r}; it is one of {', '.join(sheets)}")
    check_headings(sheet, data["fields"], f"row {name}")
    return Line(name, sheet.key, data["fields"], data.get("engine_state", {}))


def check_headings(sheet: Sheet, cells: Mapping[str, Any], where: str) -> None:
    """Raise ``ConfigError`` for a heading that a table does not have."""
    for heading in cells:
        if heading not in sheet.columns and heading not in sheet.own:
            raise ConfigError(f"{where}: table {sheet.label} has no column {heading!r}")


# --- cells


def plain_cell(form: str, cell: Any, zone: ZoneInfo) -> Any:
    """Return a cell as Python has it: a date, an aware datetime, codes as one text, everything else as it is."""
    if cell in (None, "", []):
        return None
    if form == "date":
        return cell if isinstance(cell, date) else date.fromisoformat(str(cell))
    if form == "datetime":
        return moment(cell, zone)
    return ",".join(map(str, several(cell))) if form == "codes" else cell


def moment(cell: Any, zone: ZoneInfo) -> datetime:
    """Return a local time as an aware datetime; a bare day is its midnight."""
    if isinstance(cell, str):
        cell = datetime.fromisoformat(cell)
    if not isinstance(cell, datetime):
        cell = datetime.combine(cell, time())
    aware: datetime = cell if cell.tzinfo else cell.replace(tzinfo=zone)
    return aware
