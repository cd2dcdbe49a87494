"""The tools that duban reads and writes. One registry: a tool's code is imported when its first source is opened."""

from __future__ import annotations

from importlib import import_module
from typing import cast
from zoneinfo import ZoneInfo

from duban.connectors.base import Connector
from duban.connectors.limits import Pace
from duban.connectors.settings import AnySource, MemorySource

_CLASSES = {
    "feishu": "duban.connectors.feishu:FeishuConnector",
    "teambition": "duban.connectors.teambition:TeambitionConnector",
    "airtable": "duban.connectors.airtable:AirtableConnector",
    "workbook": "duban.connectors.workbook:WorkbookConnector",
    "memory": "duban.connectors.memory:MemoryConnector",
}


def connect(settings: AnySource | MemorySource, *, zone: ZoneInfo, pace: Pace) -> Connector:
    """Return a connector for one source of the configuration; nothing is sent yet.

    ``zone`` is the configured one: dates in text cells are local in it. ``pace`` is what the source waits through;
    sources that share a vendor's limit share its slots.
    """
    module, _, name = _CLASSES[settings.tool].partition(":")
    connector = getattr(import_module(module), name)
    return cast("Connector", connector(settings, zone=zone, pace=pace))
