"""One admitted request: who asks, of which base and table, and the paging that all lists share."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from duban.sandbox.feishu.refusal import Refusal
from duban.sandbox.feishu.table import Base, Field, Table
from duban.sandbox.feishu.world import App, World
from duban.sandbox.server import Request

USER_ID_TYPES = {"open_id", "union_id", "user_id"}


@dataclass(slots=True)
class Call:
    """A request after the gate. ``ids`` are the path's parameters by name."""

    world: World
    request: Request
    app: App
    ids: Mapping[str, str] = field(default_factory=dict)
    base_: Base | None = None
    table_: Table | None = None

    @property
    def base(self) -> Base:
        """The base in the path."""
        assert self.base_ is not None
        return self.base_

    @property
    def table(self) -> Table:
        """The table in the path."""
        assert self.table_ is not None
        return self.table_

    @property
    def actor(self) -> str:
        """The union id under which this application's edits are shown."""
        return self.world.person(f"应用 {self.app.id}").union_id

    @property
    def blind(self) -> bool:
        """Whether advanced permissions hide the table from the caller."""
        return self.base.blind(self.app.id, self.table)

    def body(self) -> dict[str, Any]:
        """Return the JSON body; an absent one is an empty object."""
        if not self.request.raw.strip():
            return {}
        if not isinstance(self.request.body, dict):
            raise Refusal(1254000)
        return self.request.body

    def flag(self, name: str) -> bool:
        """Return a boolean query key: ``true``, ``True`` or ``1``."""
        return (self.request.param(name) or "").lower() in {"true", "1"}

    def user_id_type(self, given: Any = None) -> str:
        """Return how people are named in this call."""
        kind = given or self.request.param("user_id_type") or "open_id"
        if kind not in USER_ID_TYPES:
            raise Refusal(99992402)
        return str(kind)

    def page_size(self, most: int) -> int:
        """Return the page size (default 20). More than ``most`` is refused; what the service does is not known."""
        try:
            size = int(self.request.param("page_size") or 20)
        except ValueError:
            raise Refusal(99992402) from None
        if size <= 0:
            raise Refusal(1254011)
        if size > most:
            raise Refusal(99992402)
        return size

    def offset(self, query: Any) -> int:
        """Return where the page starts. A token that was made for another query, or by nobody, is 1254002."""
        token = self.request.param("page_token")
        if not token:
            return 0
        try:
            epoch, offset, of_query = json.loads(base64.urlsafe_b64decode(token.encode()))
        except (ValueError, TypeError):
            raise Refusal(1254002) from None
        if epoch != self.world.page_token_epoch or of_query != self._fingerprint(query):
            raise Refusal(1254002)
        return int(offset)

    def token(self, offset: int, query: Any) -> str:
        """Return the token of the page that starts at ``offset``. Pages are live: there is no snapshot."""
        content = json.dumps([self.world.page_token_epoch, offset, self._fingerprint(query)])
        return base64.urlsafe_b64encode(content.encode()).decode()

    def _fingerprint(self, query: Any) -> str:
        text = json.dumps([self.request.path, query], sort_keys=True, ensure_ascii=False)
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()

    def listed(self, entries: Sequence[Any], most: int, shown: Callable[[Any], Any]) -> dict[str, Any]:
        """Return one page of a list of tables, fields or views: with a token on the last page, too."""
        size, offset = self.page_size(most), self.offset("list")
        part = entries[offset : offset + size]
        return {
            "items": [shown(entry) for entry in part], "has_more": offset + size < len(entries), "total": len(entries),
            "page_token": self.token(offset + len(part), "list"),
        }  # fmt: skip

    def asked_fields(self, names: Any) -> list[Field]:
        """Return the columns named in ``field_names``, all of them when it is absent or empty."""
        if not names:
            return list(self.table.fields.values())
        known = {field.name: field for field in self.table.fields.values()}
        if not isinstance(names, list) or len(names) > 200 or any(name not in known for name in names):
            raise Refusal(1254024)
        return [known[name] for name in names]
