"""Reading every task of a project: the largest pages that the service takes, and no trust in an empty answer.

Bad TQL may give an error or an empty list, and the largest page is not documented (facts/teambition sections 2.2 and
8), so there are several ways to ask, tried from the best to the safest. The way that worked is remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from duban.connectors.teambition.api import Api, Slice
from duban.connectors.teambition.signals import Gone
from duban.errors import Rejected, SchemaChanged

TEMPLATE = "/v3/project/{project}/task/query"
WHAT = "reading the tasks"


class Way(NamedTuple):
    """One way to ask for all tasks: a query ("" = none) and a page size."""

    query: str
    size: int


# Ordered by creation, which never changes: a task that is edited while we read does not move to another page.
ORDERED = "created >= '1970-01-01T00:00:00.000Z' ORDER BY created ASC"
WAYS = (Way(ORDERED, 1000), Way(ORDERED, 100), Way("", 1000), Way("", 100))


class Listing:
    """Lists the tasks of projects, and remembers per project which way the service takes."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[str, Way] = {}

    def slices(self, project: str) -> Iterator[Slice]:
        """Yield the pages of a project's tasks, the recycle bin left out.

        Raises ``SchemaChanged`` when the list comes back empty although the project has tasks, or ends early.
        """
        ways = [self._known[project]] if project in self._known else []
        ways += [way for way in WAYS if way not in ways]
        refusal: Rejected | None = None
        for way in ways:
            try:
                first, rest = self._opened(project, way)
            except Gone:
                raise
            except Rejected as error:
                refusal = error
                continue
            if not first.entries and self._count(project) > 0:
                continue
            self._known[project] = way
            yield first
            yield from rest
            return
        if refusal is not None:
            raise refusal
        raise SchemaChanged(f"{WHAT}: the list is empty although the project has tasks; nothing is taken as gone")

    def _opened(self, project: str, way: Way) -> tuple[Slice, Iterator[Slice]]:
        params: dict[str, Any] = {"includeArchived": "false", **({"q": way.query} if way.query else {})}
        pages = self._api.pages(TEMPLATE, WHAT, params, way.size, project=project)
        return next(pages), pages

    def _count(self, project: str) -> int:
        answer = self._api.get(
            "/v3/project/{project}/task/count", "counting the tasks", {"includeArchived": "false"}, project=project
        )  # fmt: skip
        counted = answer.get("result")
        if isinstance(counted, (int, float)):
            return int(counted)
        raise SchemaChanged("counting the tasks: the answer is no number, so an empty list proves nothing")
