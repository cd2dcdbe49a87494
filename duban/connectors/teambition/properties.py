"""A project's columns: the built-in properties, which are found by their API field, and the custom fields.

Built-in properties are human columns: they are read and never written (catalogue section 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from duban.connectors.base import Column, ColumnType
from duban.connectors.teambition.cells import TYPES, WRITABLE, Custom

VISIBLE: Mapping[str, str] = {"projectMembers": "members", "participants": "involves"}  # the older API's words


def _built_in(id_: str, name: str, type_: ColumnType, field: str, **more: Any) -> Column:
    return Column(id_, name, type_, writable=False, field=field, **more)


BUILT_IN: tuple[Column, ...] = (
    _built_in("content", "标题", "text", "title"),
    _built_in("executorId", "执行者", "person", "owner"),
    _built_in("involveMembers", "参与者", "person", "participants"),
    _built_in("startDate", "开始时间", "datetime", "planned_start"),
    _built_in("dueDate", "截止时间", "datetime", "due"),
    _built_in("accomplishTime", "完成时间", "datetime", "actual_finish"),
    _built_in("progress", "进度", "percent", "progress"),
    _built_in("tfsId", "任务状态", "select", "status"),
    _built_in("updated", "更新时间", "modified", "last_update"),
    _built_in("visible", "可见性", "select", "visibility", options=("members", "involves")),
    _built_in("note", "备注", "text", "latest_note"),
    _built_in("priority", "优先级", "select", "priority"),
    # No field of the common model: it refines the status where the status' name says nothing (statuses.yaml).
    _built_in("isDone", "是否完成", "checkbox", "is_done"),
    _built_in("uniqueId", "任务 ID", "text", "code", fallback=True, computed=True),
    _built_in("stageId", "任务列表", "select", "stage", fallback=True),
)


def custom_column(field: Mapping[str, Any]) -> Column:
    """Return a custom field as a column; a type that this version does not know is read as text."""
    kind = str(field.get("type") or "")
    choices = {
        str(choice.get("value")): str(choice.get("id"))
        for choice in field.get("choices") or () if isinstance(choice, dict) and choice.get("value") is not None
    }  # fmt: skip
    type_ = TYPES.get(kind, "unknown")
    if type_ == "person" and not _names_people(field):
        type_ = "unknown"
    return Column(
        id=str(field["id"]),
        name=str(field.get("name") or ""),
        type=type_,
        writable=kind in WRITABLE and type_ != "unknown",
        computed=kind == "lookup2" and type_ == "unknown",
        options=tuple(choices) if kind in {"dropDown", "multipleChoice"} else None,
        raw=Custom(kind, choices, {id_: title for title, id_ in choices.items()}),
    )


def _names_people(field: Mapping[str, Any]) -> bool:
    """A lookup field holds people, relations or work hours; only its objectType says which.

    The words are not documented; what names a member or user, or nothing at all, is taken for people.
    """
    advanced = field.get("advancedCustomfield")
    kind = str(advanced.get("objectType") or "").lower() if isinstance(advanced, dict) else ""
    return not kind or "member" in kind or "user" in kind or "person" in kind
