"""Bitable's list of fields as columns of the contract (facts, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from duban.connectors.base import Column, ColumnType

TYPES: Mapping[int, ColumnType] = {
    1: "text", 2: "number", 3: "select", 4: "multi_select", 5: "datetime", 7: "checkbox", 11: "person", 13: "text",
    15: "url", 17: "attachment", 18: "links", 19: "text", 20: "text", 21: "links", 22: "text", 23: "text",
    1001: "created", 1002: "modified", 1003: "person", 1004: "person", 1005: "text",
}  # fmt: skip
PROGRESS = "Progress"  # the ui_type of a progress bar
COMPUTED = frozenset({19, 20, 1003, 1004, 1005})
# Attachments need an upload and places a pair of coordinates first; chats are nothing that duban writes.
NOT_WRITTEN = COMPUTED | {17, 22, 23, 24, 1001, 1002, 3001}


def read_column(field: Mapping[str, Any]) -> Column:
    """Return one column from one entry of the list of fields. Unknown types (and 24, 3001) are ``unknown``."""
    kind, about = field.get("type"), field.get("property") or {}
    column_type: ColumnType = TYPES.get(kind, "unknown") if isinstance(kind, int) else "unknown"
    if kind in {19, 20}:
        column_type = _computed_type(about)
    if column_type == "number" and percent_scale(field) is not None:
        column_type = "percent"
    options = None
    if column_type in {"select", "multi_select"}:
        options = tuple(str(option.get("name", "")) for option in about.get("options") or ())
    return Column(
        id=str(field["field_id"]), name=str(field["field_name"]), type=column_type,
        writable=kind in TYPES and kind not in NOT_WRITTEN, computed=kind in COMPUTED, options=options, raw=field,
    )  # fmt: skip


def percent_scale(field: Mapping[str, Any]) -> float | None:
    """Return what a stored number is multiplied by to give percent; ``None`` for a column that is no percentage.

    A progress bar holds 0..1 unless a person gave it another range; a number shown as ``0%`` holds 0..1 always. Of a
    formula the same is said of its result.
    """
    about, bar = field.get("property") or {}, field.get("ui_type") == PROGRESS
    result = about.get("type")
    if field.get("type") in {19, 20} and isinstance(result, Mapping):
        bar = bar or result.get("ui_type") == PROGRESS
        about = {**(result.get("ui_property") or {}), **{key: value for key, value in about.items() if value}}
    if "%" in str(about.get("formatter") or ""):
        return 100.0
    if not bar:
        return None
    most = about.get("max")
    if about.get("range_customize") and isinstance(most, (int, float)) and most > 0:
        return 100.0 / most
    return 100.0


def _computed_type(about: Mapping[str, Any]) -> ColumnType:
    """Return the type of a formula's or lookup's result where the metadata names one; text where it does not."""
    result = about.get("type")
    data_type = result.get("data_type") if isinstance(result, Mapping) else None
    if data_type in {2, 5}:
        return "number" if data_type == 2 else "datetime"
    return "text"


def shows_days(column: Column) -> bool:
    """Return whether the column shows its moments as bare days, so that people mean the day."""
    about = (column.raw or {}).get("property") or {}
    shown = str(about.get("date_formatter") or "")
    return bool(shown) and "H" not in shown and "h" not in shown
