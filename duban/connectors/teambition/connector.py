"""Teambition as a connector: one project is one table, a task is a row, custom fields are the columns duban writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from duban.connectors.base import Page, Receipt, Schema, Traffic, Write
from duban.connectors.limits import Pace
from duban.connectors.settings import TeambitionSource
from duban.connectors.teambition.api import Api
from duban.connectors.teambition.catalogues import Catalogues
from duban.connectors.teambition.listing import Listing
from duban.connectors.teambition.properties import BUILT_IN, custom_column
from duban.connectors.teambition.rows import RowMaker
from duban.connectors.teambition.signals import Gone
from duban.connectors.teambition.writing import Writer
from duban.errors import ConnectorError, SchemaChanged


class TeambitionConnector:
    """One Teambition app in one organization; keeps :class:`duban.connectors.base.Connector`.

    ``zone`` is where bare days and custom dates without a zone are local; ``clock`` (epoch seconds) dates the token.
    """

    tool = "teambition"

    def __init__(
        self, settings: TeambitionSource, *, zone: ZoneInfo, pace: Pace, clock: Callable[[], float] = time.time
    ) -> None:
        self.name, self.traffic = settings.name, Traffic()
        self._projects = {table.label: table.project for table in settings.tables}
        self._zone, self._pace = zone, pace
        self._api = Api(settings, pace=pace, traffic=self.traffic, clock=clock)
        self._listing = Listing(self._api)
        self._catalogues: dict[str, Catalogues] = {}

    def describe(self, table: str) -> Schema:
        """Return the built-in properties and the project's custom fields, asked afresh.

        Raises ``SchemaChanged`` if there is no such project (any more), ``AuthError`` without the right to see it.
        """
        project = self._projects[table]
        self._catalogues.pop(project, None)
        with _Naming(self.name, table, project):
            found = self._api.listed("/v3/project/query", "reading the project", {"projectIds": project})
            about = next((one for one in found if project in (one.get("id"), one.get("projectId"))), None)
            if about is None:
                raise SchemaChanged("there is no such project, or the app may not see it; check its id")
            fields = self._api.listed(
                "/v3/project/{project}/customfield/search", "reading the custom fields", project=project
            )  # fmt: skip
        columns = {column.id: column for column in map(custom_column, filter(_has_id, fields))}
        kept = {key: about.get(key) for key in ("id", "uniqueIdPrefix")}
        return Schema((*BUILT_IN, *columns.values()), str(about.get("name") or ""), kept)

    def pull(self, table: str, schema: Schema, columns: Sequence[str]) -> Iterator[Page]:
        """Yield every task outside the recycle bin; the service always sends whole tasks, so ``columns`` save only the
        catalogues that they do not need."""
        project = self._projects[table]
        catalogues = self._catalogues.setdefault(project, Catalogues(self._api, project))
        make = RowMaker(schema, columns, catalogues, self._zone)
        with _Naming(self.name, table, project):
            for part in self._listing.slices(project):
                yield Page(make.rows(part.entries), part.total)

    def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:
        """Set custom fields, silently; see :mod:`duban.connectors.teambition.writing`."""
        with _Naming(self.name, table, self._projects[table]):
            yield from Writer(self._api, schema, zone=self._zone, pace=self._pace).receipts(writes)

    def close(self) -> None:
        """Give the connections back."""
        self._api.close()


class _Naming:
    """Puts the source and the table before the sentence of every error; a project that is gone is a changed schema."""

    def __init__(self, source: str, table: str, project: str) -> None:
        self._where, self._project = f"{source}/{table}", project

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Gone):
            raise SchemaChanged(f"{self._where}: project {self._project}: {error}") from error
        if isinstance(error, ConnectorError):
            error.args = (f"{self._where}: {error}",)


def _has_id(field: dict[str, Any]) -> bool:
    return bool(field.get("id"))
