"""The shape of duban.yaml (spec section 3). What a source says is in ``connectors.settings``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from duban.connectors.settings import AnySource, Mode, Text

Language = Literal["zh", "en"]


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


OneOrMore = Annotated[tuple[Text, ...], BeforeValidator(_one_or_more, json_schema_input_type=str | list[str])]


class Limits(BaseModel):
    """A plan that changes more rows of one table than this is held. ``share`` counts for tables of 50 rows and more."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    records: int = Field(default=100, ge=0, strict=True, description="rows")
    share: float = Field(default=0.2, ge=0, le=1, strict=True, description="part of the table, 0.2 = 20 %")


class File(BaseModel):
    """The keys of duban.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    timezone: Text = Field(default="Asia/Shanghai", description="IANA name of the zone in which days and hours count")
    language: Language = Field(default="zh", description="names of own columns where not set, texts, reports")
    state: Text = Field(
        default="sqlite:///duban.db", description="the ledger, a SQLAlchemy URL; a sqlite file is relative to this file"
    )
    mode: Mode = Field(default="shadow", description="shadow: judge and show, write and send nothing; live: do it")
    rules: tuple[Text, ...] = Field(
        default=("guide",), min_length=1, description="packs in order: shipped names or paths; a later one overrules"
    )
    calendar: OneOrMore = Field(
        default=("CN",), description="country of public holidays (CN), a path to a calendar file, or a list of both"
    )
    directory: Text | None = Field(default=None, description="path of the file of departments and people")
    waivers: OneOrMore = Field(
        default=(), description="path of the file of approved extensions and waivers, or a list of such files"
    )
    admin: OneOrMore = Field(default=(), description="who is told what concerns tables and the configuration")
    limits: Limits = Field(default=Limits(), description="what is written without being asked for")
    interval: float | None = Field(
        default=None, gt=0, strict=True, description="seconds between two cycles of every source that sets none"
    )
    sources: tuple[AnySource, ...] = Field(min_length=1, description="one account in one tool each")
