"""Where a table is: the words of the configuration (``app``, ``table``, ``url``) as base, wiki page and table."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

from duban.connectors.settings import FeishuTable
from duban.errors import Rejected

_PATH = re.compile(r"/(base|wiki)/([A-Za-z0-9_-]+)")


class Address(NamedTuple):
    """A table as the configuration names it. A wiki page must still be asked for the base it holds.

    ``origin`` is the start of links for people, such as ``https://acme.feishu.cn``.
    """

    token: str
    table: str
    origin: str
    wiki: bool = False


class Place(NamedTuple):
    """A table as the API addresses it, unique only together: ids of tables repeat in other bases (facts, section 1)."""

    app: str
    table: str
    origin: str

    @property
    def base_path(self) -> str:
        """Return the API path of the base."""
        return f"/open-apis/bitable/v1/apps/{quote(self.app, safe='')}"

    @property
    def path(self) -> str:
        """Return the API path of the table."""
        return f"{self.base_path}/tables/{quote(self.table, safe='')}"

    def record_url(self) -> str:
        """Return the start of a record's link; the record id follows."""
        return f"{self.origin}/base/{quote(self.app)}?table={quote(self.table)}&record="


def read_address(settings: FeishuTable, base_url: str) -> Address:
    """Return where the configuration says a table is; ``Rejected`` with the missing word if it does not say enough."""
    where = settings.url or settings.app or ""
    if not where.startswith(("https://", "http://")):
        if not where or not settings.table:
            raise Rejected(f"table {settings.label}: give app and table, or the url of the table's page")
        return Address(where, settings.table, _origin(base_url))
    parts = urlsplit(where)
    found = _PATH.search(parts.path)
    if found is None:
        raise Rejected(f"table {settings.label}: the url must contain /base/… or /wiki/…, this one has {parts.path!r}")
    table = settings.table or (parse_qs(parts.query).get("table") or [""])[0]
    if not table:
        raise Rejected(f"table {settings.label}: the url has no ?table=…; open the table and copy its address again")
    return Address(found[2], table, f"{parts.scheme}://{parts.netloc}", wiki=found[1] == "wiki")


def _origin(base_url: str) -> str:
    """Return the start of links where only the base's token is known: Feishu leads people on to their own tenant."""
    host = urlsplit(base_url).netloc
    return "https://" + host.removeprefix("open.") if host.startswith("open.") else "https://feishu.cn"
