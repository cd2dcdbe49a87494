"""Which columns are duban's own: the guide's names (``guide/writeback.yaml``), overruled by ``writes:`` of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from duban.connectors.base import Column
from duban.connectors.headings import lexicon, normal
from duban.connectors.settings import Table
from duban.errors import ConfigError
from duban.item import KINDS, Kind, OwnColumn, own_columns
from duban.yamlfile import nearest

# 上报对象 and 上报时间 are human columns of a dispute table (catalogue section 4).
_HUMAN_IN_DISPUTES = frozenset({"escalated_to", "escalated_at"})
# Changes on every run and defeats write-on-change: written only where ``writes:`` names it.
_ONLY_WHEN_NAMED = frozenset({"checked_at"})


@dataclass(frozen=True, slots=True)
class OwnFound:
    """The own columns of a table by own key, the names of those it lacks, and what does not fit."""

    columns: Mapping[str, Column]
    missing: tuple[str, ...]
    problems: tuple[str, ...]


def own_of(kinds: Iterable[Kind]) -> tuple[OwnColumn, ...]:
    """Return the own columns that a table of these kinds may have, in the guide's order."""
    return tuple(dict.fromkeys(column for kind in kinds for column in own_columns(kind)))


@cache
def own_names(kinds: tuple[Kind, ...]) -> frozenset[str]:
    """Return the headings (normal form) that are taken out before human columns are sought."""
    names: set[str] = set()
    for own in own_of(KINDS):
        human = "dispute" in kinds and own.key in _HUMAN_IN_DISPUTES
        names |= {own.zh_issue_risk} if human else {own.zh, own.en, own.zh_issue_risk}
    return frozenset(map(normal, names))


def headings_of(own: OwnColumn, kinds: Sequence[Kind]) -> tuple[str, ...]:
    """Return the headings under which an own column may stand in a table of these kinds, the best first."""
    if own.zh_issue_risk == own.zh:
        return own.zh, own.en
    clocked = {"issue", "dispute", "risk"} & set(kinds)
    if "dispute" in kinds:
        return (own.zh_issue_risk,)
    return (own.zh_issue_risk, own.en) if clocked == set(kinds) else (own.zh, own.en)


def find_own(table: Table, kinds: tuple[Kind, ...], columns: Sequence[Column], human: Mapping[str, str]) -> OwnFound:
    """Find the own columns of a table.

    ``human`` are the mapped human columns: column id -> field. Raises ``ConfigError`` when ``writes:`` names one of
    those, or names one column twice.
    """
    found: dict[str, Column] = {}
    missing: list[str] = []
    problems = [_unknown_key(key, kinds) for key in table.writes if key not in {own.key for own in own_of(kinds)}]
    for own in own_of(kinds):
        names = _names(own, table, kinds)
        column = _named(columns, names)
        if column is None:
            missing += names[:1]
            continue
        if column.id in human:
            raise ConfigError(
                f"the own column {own.key} ({own.zh}) of table {table.label} would be {column.name!r}, which "
                f"people fill as {human[column.id]}; name another column under writes, or null"
            )
        if column.id in {other.id for other in found.values()}:
            raise ConfigError(f"writes of table {table.label} names {column.name!r} twice; give each its own column")
        trouble = _trouble(own, column)
        problems += trouble
        if column.writable and not column.computed:
            found[own.key] = column
    return OwnFound(found, tuple(missing), tuple(problems))


def _names(own: OwnColumn, table: Table, kinds: Sequence[Kind]) -> tuple[str, ...]:
    if own.key in table.writes:
        name = table.writes[own.key]
        return () if name is None else (name,)
    return () if own.key in _ONLY_WHEN_NAMED else headings_of(own, kinds)


def _named(columns: Sequence[Column], names: Sequence[str]) -> Column | None:
    for name in names:
        for column in columns:
            if name in {column.id, column.name}:
                return column
    forms = [normal(name) for name in names]
    return next((column for form in forms for column in columns if normal(column.name) == form), None)


def _unknown_key(key: str, kinds: Sequence[Kind]) -> str:
    close = nearest(key, [own.key for own in own_of(kinds)])
    hint = f"; did you mean {close}?" if close else ""
    return f"writes names the own column {key!r}, which {' and '.join(kinds)} do not have{hint}"


def _trouble(own: OwnColumn, column: Column) -> list[str]:
    if not column.writable or column.computed:
        return [f"the own column {column.name!r} is computed by the tool and cannot be written; make it a plain column"]
    if column.type in {"select", "multi_select"} and column.options is not None and own.values:
        lacking = [value for value in own.values if value not in column.options]
        if lacking:
            return [f"the own column {column.name!r} lacks the options {', '.join(lacking)}; add them in the tool"]
    return []


def exactly_human(table: Table, kinds: Iterable[Kind], column: Column) -> bool:
    """Tell whether a column that ``writes:`` names is a human column outright, not by a word inside its heading."""
    configured = {heading for heading in table.columns.values() if heading is not None}
    if {column.id, column.name} & configured:
        return True
    return column.field is not None or any(lexicon(kind).exact_match(column.name) for kind in kinds)
