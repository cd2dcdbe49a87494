"""The form of rules files: the pydantic models, from which their JSON Schema is made too. Unknown keys are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from duban.item import Kind
from duban.yamlfile import nearest

Level = Literal["info", "warn", "critical"]
Scope = Kind | Literal["table", "system"]


def _listed(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else [value]


def _both(value: Any) -> Any:
    return {"zh": value, "en": value} if isinstance(value, str) else value


class Entry(BaseModel):
    """What every part of a rules file keeps: no unknown keys, no change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Wording(Entry):
    """A text in Chinese and English; where only one is given, it serves for both."""

    zh: str
    en: str = ""

    def in_language(self, language: str) -> str:
        """Return the text in a language, Chinese where the other is missing."""
        return (self.en or self.zh) if language == "en" else self.zh


Words = Annotated[Wording, BeforeValidator(_both, json_schema_input_type=str | Wording)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])]
Kinds = Annotated[tuple[Kind, ...], BeforeValidator(_listed, json_schema_input_type=Kind | tuple[Kind, ...])]
Scopes = Annotated[tuple[Scope, ...], BeforeValidator(_listed, json_schema_input_type=Scope | tuple[Scope, ...])]


class Either(Entry):
    """Recipients that depend on a condition."""

    if_: str = Field(alias="if", description="a condition over the item")
    then: Texts
    else_: Texts = Field(default=(), alias="else")


Recipients = tuple[str | Either, ...]


class RuleEntry(Entry):
    """One rule. ``when`` is the gate, ``test`` the finding; both are conditions of the rule language."""

    id: str = Field(pattern=r"^[A-Z][A-Z0-9]*(-[A-Z0-9]+)*$", description="the rule's name for ever, e.g. TEAM-01")
    name: Words | None = Field(default=None, description="what people call the rule")
    of: Scopes = Field(default=(), description="kinds of item, or table, or system")
    need: tuple[str, ...] | None = Field(
        default=None, description="fields without whose column the rule is not applicable"
    )
    wants: tuple[str, ...] = Field(
        default=(), description="fields it reads where they exist; a table that lacks them is told"
    )
    tools: tuple[str, ...] = Field(default=(), description="only in tables of these tools")
    let: Mapping[str, str] = Field(default_factory=dict, description="named values for when, test, text and recipients")
    clock: str | Mapping[str, str] | None = Field(
        default=None, description="the clock whose values the rule reads, per kind"
    )
    when: str | None = Field(default=None, description="the rule applies while this holds")
    test: str | None = Field(default=None, description="the finding holds while this holds")
    level: Level | None = Field(default=None, description="info, warn (yellow) or critical (red)")
    text: Words | None = Field(default=None, description="one sentence: the figure, and what to do by when")
    to: Recipients = Field(default=(), description="who is told")
    cc: Recipients = ()
    esc: Recipients = ()
    msg: str | Mapping[str, str] | None = Field(
        default=None, description="message template, per kind; default 规范提醒"
    )
    once_per: tuple[str, ...] = Field(
        default=(), description="the message is sent again when one of these values changes"
    )
    known: Kinds = Field(default=(), description="judged only when every table with items of these kinds is known")
    version: int = 1
    enabled: bool = True
    phase: str = ""
    origin: Literal["guide", "implied", "practice", "team"] = "team"
    src: tuple[str, ...] = Field(default=(), description="the guide's clauses")
    payload: str | None = Field(default=None, description="the let name that a report lists")

    @field_validator("of")
    @classmethod
    def _one_sort(cls, of: tuple[str, ...]) -> tuple[str, ...]:
        if len(of) > 1 and {"table", "system"} & set(of):
            raise ValueError("a rule of a table or of the system is of nothing else")
        return of


class ClockParameter(Entry):
    """A duration with its mode."""

    hours: float = Field(gt=0)
    mode: Literal["wall", "workday24", "workhours"]
    requires_solution: bool = False


class ClockEntry(Entry):
    """A named clock: when it starts, what stops it, how long it runs."""

    of: Kinds
    start: str = Field(description="a time; the clock does not apply without it")
    stop: str | None = Field(default=None, description="the stop event's own time")
    stop_when: str | None = Field(default=None, description="the stop event counts only while this holds")
    when: str | None = Field(default=None, description="the clock applies while this holds")
    running_when: str | None = Field(
        default=None, description="a clock without a stop event is judged only while this holds"
    )
    within: str = Field(description="the parameter {hours, mode}")
    shown: bool = Field(default=False, description="时限 and SLA状态 of the row show this clock")
    engine: bool = Field(default=False, description="the engine itself sets the start")


class Tell(Entry):
    """A message of a transition that is no rule's."""

    msg: str
    to: Recipients
    cc: Recipients = ()
    text: Words


class LadderEntry(Entry):
    """How the ladder is tied to rules: which rule is which step, and what each transition tells."""

    of: Literal["task"] = "task"
    steps: Mapping[Literal["soon", "minor", "notice"], str]
    clock: str = Field(description="the clock of the explanation")
    tells: Mapping[str, tuple[str | Tell, ...]] = Field(
        description="transition -> rules whose message it sends, or a message"
    )
    escalated_by: tuple[str, ...] = Field(description="rules whose recipients are written to 上报对象")


class SuppressionEntry(Entry):
    """While ``when`` holds, only the rules of ``keep`` may hold; a trailing * stands for any ending."""

    of: Kinds
    when: str
    keep: tuple[str, ...] = ()


class Expectation(Entry):
    """One moment of a rule test."""

    now: str | None = None
    set: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    expect: Mapping[str, Any] = Field(default_factory=dict)
    sends: Mapping[str, tuple[str, ...]] | None = None


class TestEntry(Entry):
    """A test of rules: items, one or several moments, what must hold at each."""

    __test__ = False  # not a test of ours for pytest to collect

    name: str
    now: str | None = None
    params: Mapping[str, Any] = Field(default_factory=dict)
    given: tuple[Mapping[str, Any], ...]
    unmapped: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    rules: tuple[str, ...] | None = Field(
        default=None, description="compare only these rules; * at the end for any ending"
    )
    expect: Mapping[str, Any] = Field(default_factory=dict)
    sends: Mapping[str, tuple[str, ...]] | None = None
    steps: tuple[Expectation, ...] = ()


class RulesFile(Entry):
    """A whole rules file."""

    params: Mapping[str, Any] = Field(default_factory=dict)
    patterns: Mapping[str, str] = Field(default_factory=dict)
    tables: Mapping[str, tuple[tuple[str, str], ...]] = Field(default_factory=dict)
    clocks: Mapping[str, ClockEntry] = Field(default_factory=dict)
    ladder: LadderEntry | None = None
    suppression: tuple[SuppressionEntry, ...] = ()
    rules: tuple[RuleEntry, ...] = ()
    tests: tuple[TestEntry, ...] = ()
    messages: Mapping[str, Any] = Field(default_factory=dict)

    @field_validator("params")
    @classmethod
    def _clock_parameters(cls, params: Mapping[str, Any]) -> Mapping[str, Any]:
        for name, value in params.items():
            if isinstance(value, dict) and not set(value) <= {"hours", "mode", "requires_solution"}:
                raise ValueError(f"the parameter {name} may have hours, mode, requires_solution")
            if isinstance(value, dict) and value.get("mode") not in {None, "wall", "workday24", "workhours"}:
                near = nearest(str(value["mode"]), ("wall", "workday24", "workhours"))
                hint = f"; did you mean {near!r}?" if near else ""
                raise ValueError(f"the mode of {name} must be wall, workday24 or workhours{hint}")
        return params
