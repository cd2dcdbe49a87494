"""The tools that duban reads and writes. One registry: a tool's code is imported when its first source is opened."""

from __future__ import annotations

from importlib import import_module
from typing import cast
from zoneinfo import ZoneInfo

from duban.connectors.base import Connector
from duban.connectors.limits import Pace
from duban.connectors.settings import AnySource, FeishuSource, MemorySource, UserIds
from duban.people import Directory

_CLASSES = {
    "feishu": "duban.connectors.feishu:FeishuConnector",
    "teambition": "duban.connectors.teambition:TeambitionConnector",
    "airtable": "duban.connectors.airtable:AirtableConnector",
    "workbook": "duban.connectors.workbook:WorkbookConnector",
    "memory": "duban.connectors.memory:MemoryConnector",
}


def connect(
    settings: AnySource | MemorySource, *, zone: ZoneInfo, pace: Pace, directory: Directory | None = None
) -> Connector:
    """Return a connector for one source of the configuration; nothing is sent yet.

    ``zone`` is the configured one: dates in text cells are local in it. ``pace`` is what the source waits through;
    sources that share a vendor's limit share its slots. ``directory`` tells by which kind of id Feishu is to name
    people, where the settings do not.
    """
    if isinstance(settings, FeishuSource) and settings.user_ids is None and directory is not None:
        settings = settings.model_copy(update={"user_ids": feishu_user_ids(directory)})
    module, _, name = _CLASSES[settings.tool].partition(":")
    connector = getattr(import_module(module), name)
    return cast("Connector", connector(settings, zone=zone, pace=pace))


def feishu_user_ids(directory: Directory) -> UserIds:
    """Return the kind of id by which most people of a directory are known in Feishu: ou_… are open ids, on_… union ids.

    One answer of Feishu names everybody by one kind; who stands in the directory with another is found by name.
    """
    ids = [contact.feishu for contact in directory.people.values() if contact.feishu]
    kinds: dict[UserIds, int] = {
        "union_id": sum(id_.startswith("on_") for id_ in ids),
        "open_id": sum(id_.startswith("ou_") for id_ in ids),
        "user_id": sum(not id_.startswith(("on_", "ou_")) for id_ in ids),
    }
    return max(kinds, key=lambda kind: kinds[kind])
