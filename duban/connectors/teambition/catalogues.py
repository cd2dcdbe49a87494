"""Names for ids: statuses, people, priorities, board columns. A task carries ids only (facts/teambition section 4).

A catalogue is fetched when the first cell asks for it, kept until the table is described again, and fetched once more
when an id is unknown, because somebody may have added a status while we read.

Names of people, priorities and board columns are optional: the app may lack the right to a list, or the service may
not have it; then the ids stay what they are and the read goes on. Without the statuses nothing could be judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from duban.connectors.teambition.api import BATCH, Api, entries_of
from duban.connectors.teambition.signals import Forbidden
from duban.errors import Rejected
from duban.item import Person

_MEMBERS = "reading the members' names"


class Names:
    """One catalogue: id -> name. ``fetch`` returns it whole; the first unknown id makes it ask once more."""

    def __init__(self, fetch: Callable[[], Mapping[str, str]]) -> None:
        self._fetch, self._fresh = fetch, False
        self._names: Mapping[str, str] | None = None

    def name(self, id_: str) -> str | None:
        """Return the name of an id, None when even a fresh catalogue does not know it."""
        if self._names is None:
            self._names = self._fetch()
        elif id_ not in self._names and not self._fresh:
            self._names, self._fresh = self._fetch(), True
        return self._names.get(id_)


class Catalogues:
    """The catalogues of one project."""

    def __init__(self, api: Api, project: str) -> None:
        self._api, self._project = api, project
        self.statuses = Names(self._statuses)
        self.priorities = Names(lambda: _if_allowed(self._priorities))
        self.stages = Names(lambda: _if_allowed(self._stages))
        self._people: dict[str, Person] = {}
        self._everybody: Mapping[str, str] | None = None

    def people(self, users: Iterable[str]) -> None:
        """Learn the names of all these people, as far as they are not known yet; strangers are called by their id."""
        unknown = [user for user in dict.fromkeys(users) if user not in self._people]
        for start in range(0, len(unknown), BATCH):
            asked = unknown[start : start + BATCH]
            names = self._names_of(asked)
            self._people.update((user, Person(user, names.get(user) or user)) for user in asked)

    def _names_of(self, users: Sequence[str]) -> Mapping[str, str]:
        """Ask for these members; where that is refused, for all of them, which is a right of its own."""
        if self._everybody is not None:
            return self._everybody
        asked = {"userIds": list(users)}
        try:
            return _member_names(entries_of(self._api.post_read("/org/member/batchGet", _MEMBERS, asked)))
        except (Forbidden, Rejected):
            self._everybody = _if_allowed(lambda: _member_names(self._api.listed("/org/member/list", _MEMBERS)))
            return self._everybody

    def person(self, user: str) -> Person:
        """Return a person whose name was learned."""
        return self._people.get(user) or Person(user, user)

    def _statuses(self) -> dict[str, str]:
        # Deleted statuses stay in: tasks may still stand in one.
        listed = self._listed("/v3/project/{project}/taskflowstatus/search", "reading the statuses")
        return {str(status.get("id")): str(status.get("name") or "") for status in listed}

    def _priorities(self) -> dict[str, str]:
        asked = {"organizationId": self._api.organization}
        answer = self._api.get("/v3/project/priority/list", "reading the priorities", asked)
        return {str(one.get("priority")): str(one.get("name") or "") for one in entries_of(answer)}

    def _stages(self) -> dict[str, str]:
        listed = self._listed("/v3/project/{project}/stage/search", "reading the board columns")
        return {str(stage.get("id")): str(stage.get("name") or "") for stage in listed}

    def _listed(self, template: str, what: str) -> list[dict[str, Any]]:
        return self._api.listed(template, what, project=self._project)


def _if_allowed(fetch: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
    """Return an optional catalogue, an empty one when it is refused. Failures of the service are raised: names that
    come and go would look like changes."""
    try:
        return fetch()
    except (Forbidden, Rejected):
        return {}


def _member_names(members: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {str(one.get("userId") or one.get("id") or one.get("_id")): str(one.get("name") or "") for one in members}
