"""One application's calls: token, limits, and the few endpoints that duban uses (facts, section 2)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from duban.connectors.ahead import Peek
from duban.connectors.base import Column, Traffic
from duban.connectors.feishu.address import Place
from duban.connectors.feishu.codes import Action, Refused, judge, went_well
from duban.connectors.feishu.columns import read_column
from duban.connectors.feishu.token import TenantToken
from duban.connectors.http import Http
from duban.connectors.limits import Limit, Pace
from duban.connectors.settings import FeishuSource
from duban.errors import AuthError, Unavailable

# Requests per window for each endpoint, per application and tenant.
RATES: Mapping[str, tuple[int, float]] = {
    "app": (20, 1.0), "tables": (20, 1.0), "fields": (20, 1.0), "search": (20, 1.0), "batch_get": (20, 1.0),
    "batch_update": (50, 1.0), "get_node": (100, 60.0),
}  # fmt: skip
MOST_IDS = 100  # of one batch_get


class Api:
    """Feishu's endpoints for one source. Answers are the ``data`` of the body; errors are those of ``codes``."""

    def __init__(
        self, settings: FeishuSource, *, pace: Pace, traffic: Traffic, clock: Callable[[], float]
    ) -> None:
        self.pace, self.traffic, self._source = pace, traffic, settings.name
        # Union ids are the same for all applications of a developer; open ids, the default, are not (facts, section 1).
        self._user_ids = settings.user_ids or "union_id"
        self._token = TenantToken(settings, pace=pace, traffic=traffic, clock=clock)
        secrets = (settings.app_secret.reveal(),)
        self._http = Http(
            settings.base_url, headers=self._token.headers, pace=pace, traffic=traffic, secrets=secrets,
            judge=judge(source=settings.name, traffic=traffic, secrets=secrets),
        )  # fmt: skip
        # Limits may be remembered in the ledger: the application is named there without its id.
        self._app = hashlib.sha256(settings.app_id.reveal().encode()).hexdigest()[:12]

    # --- reading

    def node(self, token: str) -> Mapping[str, Any]:
        """Return what a wiki page holds."""
        data = self._call("GET", "/open-apis/wiki/v2/spaces/get_node", "get_node", params={"token": token})
        found: Mapping[str, Any] = data.get("node") or {}
        return found

    def base(self, place: Place) -> Mapping[str, Any]:
        """Return a base's own data: name, time_zone, is_advanced."""
        found: Mapping[str, Any] = self._call("GET", place.base_path, "app").get("app") or {}
        return found

    def table_ids(self, place: Place) -> list[str]:
        """Return the ids of the base's first hundred tables (it cannot have more)."""
        data = self._call("GET", f"{place.base_path}/tables", "tables", params={"page_size": 100})
        return [str(table["table_id"]) for table in data.get("items") or ()]

    def columns(self, place: Place) -> tuple[Column, ...]:
        """Return the table's columns as they are now. A page token means nothing here: ``has_more`` counts."""
        columns: list[Column] = []
        params: dict[str, Any] = {"page_size": 100}
        while True:
            data = self._call("GET", f"{place.path}/fields", "fields", params=params)
            try:
                columns += [read_column(field) for field in data.get("items") or ()]
            except (KeyError, TypeError, AttributeError) as error:
                raise Unavailable(f"{self._source}: Feishu sent a list of columns that cannot be read") from error
            more = data.get("has_more")
            if more is None:  # a full page then has a successor, if there is a token for it
                more = len(data.get("items") or ()) == params["page_size"] and data.get("page_token")
            if not more:
                return tuple(columns)
            if not data.get("page_token") or data["page_token"] == params.get("page_token"):
                raise Unavailable(f"{self._source}: Feishu repeats a page of the list of columns")
            params["page_token"] = data["page_token"]

    def search(
        self, place: Place, *, names: Sequence[str] | None, size: int, token: str | None, peek: Peek | None = None
    ) -> Mapping[str, Any]:
        """Return one page of rows; ``names`` restricts the columns, ``peek`` sees the raw answer first."""
        params = {"page_size": size, "user_id_type": self._user_ids, **({"page_token": token} if token else {})}
        body = {} if names is None else {"field_names": list(names)}
        return self._call("POST", f"{place.path}/records/search", "search", params=params, json=body, peek=peek)

    def rows(self, place: Place, records: Sequence[str]) -> Mapping[str, Any]:
        """Return up to a hundred rows by id, with the ids of those that are gone or forbidden."""
        body = {"record_ids": list(records), "user_id_type": self._user_ids}
        return self._call("POST", f"{place.path}/records/batch_get", "batch_get", json=body)

    # --- writing

    def update(self, place: Place, body: bytes) -> None:
        """Set cells of up to 500 rows, ``{records: [{record_id, fields}]}``: all or none.

        One write at a time per base, whoever of us writes. Raises ``OutcomeUnknown`` when the answer was lost.
        """
        gate = Limit(f"feishu:write:{place.app}", 1, 0.0)
        self._call(
            "POST", f"{place.path}/records/batch_update", "batch_update", kind="write", more_limits=(gate,),
            params={"user_id_type": self._user_ids}, json=body, gist=went_well,
        )  # fmt: skip

    def close(self) -> None:
        """Give the connections back."""
        self._token.close()
        self._http.close()

    def _call(
        self, method: str, path: str, endpoint: str, *, kind: Literal["read", "write"] = "read",
        more_limits: Sequence[Limit] = (), params: Mapping[str, Any] | None = None, json: Any = None,
        peek: Peek | None = None, gist: Callable[[bytes], Any] | None = None,
    ) -> Mapping[str, Any]:
        limits = (Limit(f"feishu:{self._app}:{endpoint}", *RATES[endpoint]), *more_limits)

        def once() -> Any:
            return self._http.call(
                method, path, kind=kind, limits=limits, params=params, json=json, peek=peek, gist=gist
            )

        used = self._token.get()
        try:
            body = once()
        except Refused as error:
            if error.action is not Action.REAUTH:
                raise
            self._token.drop(used)
            body = self._again(once)
        data = body.get("data")
        return data if isinstance(data, Mapping) else {}

    def _again(self, once: Callable[[], Any]) -> Any:
        """Ask once more with a fresh token; a second refusal is the credentials' fault."""
        try:
            return once()
        except Refused as error:
            if error.action is Action.REAUTH:
                raise AuthError(f"{error}; a fresh token was refused as well, check the application") from error
            raise
