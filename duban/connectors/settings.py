"""What duban.yaml says of a source and its tables (spec section 3): the pydantic models, one per tool.

They live here and not in ``config`` so that a connector can be built and tested without the whole configuration, and
import nothing heavy, so that ``duban check`` starts fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from duban.item import Kind

Mode = Literal["shadow", "live"]


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


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True)


class HoldsByColumn(_Strict):
    """A table that holds several kinds of item, told apart by the values of one column."""

    column: str
    values: Mapping[str, Kind]


class Table(_Strict):
    """What every tool's table may say."""

    name: str | None = None
    holds: Kind | HoldsByColumn
    columns: Mapping[str, str | None] = Field(default_factory=dict)
    statuses: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    writes: Mapping[str, str | None] = Field(default_factory=dict)
    defaults: Mapping[str, Any] = Field(default_factory=dict)
    mode: Mode | None = None

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

    app: str | None = None
    table: str | None = None
    url: str | None = None

    @property
    def id(self) -> str:  # noqa: D102
        return self.table or self.url or ""


class TeambitionTable(Table):
    """One Teambition project."""

    project: str

    @property
    def id(self) -> str:  # noqa: D102
        return self.project


class AirtableTable(Table):
    """One Airtable table, by id or name, in the source's base unless it names its own."""

    table: str
    base: str | None = None

    @property
    def id(self) -> str:  # noqa: D102
        return self.table


class WorkbookTable(Table):
    """One worksheet; a csv file has one table and needs no ``sheet``. ``header`` is the row of headings, from 1."""

    sheet: str | None = None
    header: int = Field(default=1, ge=1)
    key: str | None = None

    @property
    def id(self) -> str:  # noqa: D102
        return self.sheet or "sheet"


class Source(_Strict):
    """What every source may say. ``interval`` is the daemon's, in seconds."""

    name: str
    mode: Mode | None = None
    interval: float = Field(default=300.0, gt=0)


class FeishuSource(Source):
    """One Feishu (or Lark) application and the tables it may see."""

    tool: Literal["feishu"]
    base_url: str = "https://open.feishu.cn"
    app_id: Secret
    app_secret: Secret
    tables: tuple[FeishuTable, ...] = Field(min_length=1)


class TeambitionSource(Source):
    """One Teambition application in one organization."""

    tool: Literal["teambition"]
    base_url: str = "https://open.teambition.com/api"
    app_id: Secret
    app_secret: Secret
    organization: str
    operator: str
    tables: tuple[TeambitionTable, ...] = Field(min_length=1)


class AirtableSource(Source):
    """One Airtable token and base."""

    tool: Literal["airtable"]
    base_url: str = "https://api.airtable.com"
    token: Secret
    base: str
    tables: tuple[AirtableTable, ...] = Field(min_length=1)


class WorkbookSource(Source):
    """One workbook file, xlsx or csv."""

    tool: Literal["workbook"]
    path: str
    encoding: str | None = None
    tables: tuple[WorkbookTable, ...] = Field(min_length=1)


class MemorySource(Source):
    """Rows in memory: for tests, benchmarks and rule writers. Not offered in duban.yaml."""

    tool: Literal["memory"]
    tables: tuple[Table, ...] = ()


AnySource = Annotated[
    FeishuSource | TeambitionSource | AirtableSource | WorkbookSource, Field(discriminator="tool")
]
