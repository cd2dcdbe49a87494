"""What duban.yaml says of a source and its tables (spec section 3): the pydantic models, one per tool.

They live here and not in ``config`` so that a connector can be built and tested without the whole configuration, and
import nothing heavy, so that ``duban check`` starts fast. What one value can tell by itself is checked here; what
needs the guide's fields, other tables or files is checked in ``config``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs

from pydantic import BaseModel, ConfigDict, Discriminator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, Tag
from pydantic_core import core_schema

from duban.item import Kind

Mode = Literal["shadow", "live"]
UserIds = Literal["open_id", "union_id", "user_id"]
SECRET_KEYS = frozenset({"app_id", "app_secret", "token"})
NAME_PATTERN = r"^[^/\s]([^/\r\n]*[^/\s])?$"
URL_PATTERN = r"^https?://[^/\s@?#]+(/[^\s@?#]*)?$"
_PAGE = re.compile(r"https?://[\w.:-]+/(?:.*/)?(base|wiki)/([A-Za-z0-9_-]+)")

Name = Annotated[str, Field(pattern=NAME_PATTERN)]
BaseUrl = Annotated[str, Field(pattern=URL_PATTERN, description="where the tool's API is; the default is the vendor's")]
Text = Annotated[str, Field(min_length=1)]


class Secret:
    """A secret's value. It shows itself only when asked by :meth:`reveal`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself; only for the request that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        shown = core_schema.plain_serializer_function_ser_schema(lambda _: "***")
        return core_schema.is_instance_schema(cls, serialization=shown)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Say nothing of the form: the file holds a reference, which ``config.schema`` describes."""
        return {}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class HoldsByColumn(_Strict):
    """A table that holds several kinds of item, told apart by the values of one column."""

    column: Text = Field(description="heading of the column that tells the kinds apart")
    values: Mapping[str, Kind] = Field(min_length=1, description="option of that column: kind of item")


def _holds_form(value: Any) -> str | None:
    if isinstance(value, HoldsByColumn | dict):
        return "<by column>"  # tags stand in pydantic's locations: no key of a file may look like one
    return "<kind>" if isinstance(value, str) else None


Holds = Annotated[
    Annotated[Kind, Tag("<kind>")] | Annotated[HoldsByColumn, Tag("<by column>")], Discriminator(_holds_form)
]


class WaiverColumns(_Strict):
    """The columns of a task table that hold an approved extension. People fill them in; duban never writes them."""

    extend_to: Text = Field(description="heading of the column with the approved new date, such as 延期至")
    approved_by: Text = Field(description="heading of the column with who approved it; without a name nothing counts")
    reason: Text | None = Field(default=None, description="heading of the column with the reason")
    valid_until: Text | None = Field(default=None, description="heading of the column with the last day it counts")


class Table(_Strict):
    """What every tool's table may say."""

    name: Name | None = Field(default=None, description="how messages and reports call it; default: the tool's id")
    holds: Holds = Field(description="kind of item in this table, or {column, values} for a table of several kinds")
    columns: Mapping[str, Text | None] = Field(
        default_factory=dict, description="field: heading; overrules the automatic mapping, null = this table has none"
    )
    statuses: Mapping[str, tuple[Text, ...]] = Field(
        default_factory=dict, description="status of the guide: [words of this table]; adds to the guide's own list"
    )
    writes: Mapping[str, Text | None] = Field(
        default_factory=dict, description="own column: heading; overrules the default name, null = do not write it"
    )
    defaults: Mapping[str, Any] = Field(
        default_factory=dict, description="field: value for every row, for fields that this table has no column for"
    )
    waivers: WaiverColumns | None = Field(
        default=None, description="columns with an approved extension; they are taken before the automatic mapping"
    )
    mode: Mode | None = Field(default=None, description="overrules the source's mode")

    @property
    def id(self) -> str:
        """The tool's id of the table: its name where none is given."""
        raise LookupError("a table of no tool has no id")

    @property
    def label(self) -> str:
        """The name by which messages, JSON and the ledger know the table."""
        return self.name or self.id


class FeishuTable(Table):
    """One table of a Bitable base: by ``app`` and ``table``, or by the ``url`` of its page."""

    app: Text | None = Field(default=None, description="app_token of the base, bascn… or the part after /base/")
    table: Text | None = Field(default=None, description="table id, tbl…")
    url: Text | None = Field(default=None, description="address of the table's page, …/base/…?table=… or …/wiki/…")

    @property
    def id(self) -> str:  # noqa: D102
        return self.table or self.place[2] or self.url or ""

    @property
    def place(self) -> tuple[str, str, str]:
        """(app token, wiki node token, table id), from the keys or the page's address; what is not said is empty.

        A wiki node must be asked for its app token (facts/feishu-bitable section 1).
        """
        app, node, table = self.app or "", "", self.table or ""
        if self.url:
            page, _, query = self.url.partition("#")[0].partition("?")
            found = _PAGE.match(page)
            kind, token = found.groups() if found else ("", "")
            app, node = app or (token if kind == "base" else ""), token if kind == "wiki" else ""
            table = table or parse_qs(query).get("table", [""])[0]
        return app, node, table


class TeambitionTable(Table):
    """One Teambition project."""

    project: Text = Field(description="project id, 24 letters and digits")

    @property
    def id(self) -> str:  # noqa: D102
        return self.project


class AirtableTable(Table):
    """One Airtable table, by id or name, in the source's base unless it names its own."""

    table: Text = Field(description="table id (tbl…) or name")
    base: Text | None = Field(default=None, description="base id (app…), where it is not the source's")

    @property
    def id(self) -> str:  # noqa: D102
        return self.table


class WorkbookTable(Table):
    """One worksheet; a csv file has one table and needs no ``sheet``. ``header`` is the row of headings, from 1."""

    sheet: Text | None = Field(default=None, description="name of the worksheet; not needed for csv")
    header: int = Field(default=1, ge=1, strict=True, description="number of the row that holds the headings")
    key: Text | None = Field(default=None, description="heading of the column that names a row for ever")

    @property
    def id(self) -> str:  # noqa: D102
        return self.sheet or "sheet"


class Source(_Strict):
    """What every source may say. ``interval`` is the daemon's, in seconds."""

    name: Name = Field(description="how messages and reports call this source")
    mode: Mode | None = Field(default=None, description="overrules the file's mode; a table may overrule this one")
    interval: float = Field(default=300.0, gt=0, strict=True, description="seconds between two cycles of duban run")


class FeishuSource(Source):
    """One Feishu (or Lark) application and the tables it may see."""

    tool: Literal["feishu"] = Field(description="飞书多维表格")
    base_url: BaseUrl = "https://open.feishu.cn"
    app_id: Secret = Field(description="App ID of the application")
    app_secret: Secret = Field(description="App Secret of the application")
    user_ids: UserIds | None = Field(
        default=None, description="kind of id that directory.yaml names people by; default: what its ids look like"
    )
    tables: tuple[FeishuTable, ...] = Field(min_length=1)


class TeambitionSource(Source):
    """One Teambition application in one organization."""

    tool: Literal["teambition"] = Field(description="Teambition")
    base_url: BaseUrl = "https://open.teambition.com/api"
    app_id: Secret = Field(description="App ID of the application")
    app_secret: Secret = Field(description="App Secret of the application")
    organization: Text = Field(description="organization id, 24 letters and digits")
    operator: Text = Field(description="Teambition user id in whose name duban reads and writes")
    tables: tuple[TeambitionTable, ...] = Field(min_length=1)


class AirtableSource(Source):
    """One Airtable token and base."""

    tool: Literal["airtable"] = Field(description="Airtable")
    base_url: BaseUrl = "https://api.airtable.com"
    token: Secret = Field(description="personal access token with data.records:read, :write and schema.bases:read")
    base: Text = Field(description="base id, app…")
    tables: tuple[AirtableTable, ...] = Field(min_length=1)


class WorkbookSource(Source):
    """One workbook file, xlsx or csv."""

    tool: Literal["workbook"] = Field(description="a workbook file")
    path: Text = Field(description="the file, xlsx or csv; relative to this configuration")
    encoding: Text | None = Field(default=None, description="encoding of a csv file; default: found by itself")
    tables: tuple[WorkbookTable, ...] = Field(min_length=1)


class MemorySource(Source):
    """Rows in memory: for tests, benchmarks and rule writers. Not offered in duban.yaml."""

    tool: Literal["memory"]
    tables: tuple[Table, ...] = ()


AnySource = Annotated[FeishuSource | TeambitionSource | AirtableSource | WorkbookSource, Field(discriminator="tool")]
