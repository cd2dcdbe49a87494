"""The form of rules files: the pydantic models, from which their JSON Schema is made too. Unknown keys are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, field_validator

from duban.item import Kind
from duban.rules.parameters import LONGEST_HOURS

Level = Literal["info", "warn", "critical"]
Scope = Kind | Literal["table", "system"]
Tool = Literal["feishu", "teambition", "airtable", "workbook"]
# Transitions of the life cycle that tell somebody; T5, T13 and T14 keep the state.
Move = Literal["T1", "T2", "T3", "T4", "T6", "T7", "T8", "T9", "T10", "T11", "T12", "T15"]
Truth = Annotated[bool, Strict()]  # YAML's yes and on are texts here
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]


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
    tools: tuple[Tool, ...] = Field(default=(), description="only in tables of these tools")
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
    version: Whole = 1
    enabled: Truth = True
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

    hours: Number = Field(gt=0, le=LONGEST_HOURS)
    mode: Literal["wall", "workday24", "workhours"]
    requires_solution: Truth = False


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
    shown: Truth = Field(default=False, description="时限 and SLA状态 of the row show this clock")
    engine: Truth = Field(default=False, description="the engine itself sets the start")
    pause_when: str | None = Field(
        default=None, description="the clock stands still while this holds, from run to run as it is seen"
    )
    reopens: Truth = Field(
        default=False, description="an item that runs again after the clock was over starts a new cycle"
    )


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
    tells: Mapping[Move, tuple[str | Tell, ...]] = Field(
        description="transition -> rules whose message it sends, or a message"
    )
    escalated_by: tuple[str, ...] = Field(description="rules whose recipients are written to 上报对象")


class SuppressionEntry(Entry):
    """While ``when`` holds, only the rules of ``keep`` may hold; a trailing * stands for any ending."""

    of: Kinds
    when: str
    keep: tuple[str, ...] = ()


class Sent(Entry):
    """A message that a rule test expects, with the people who get it. ``rule`` is a rule or a transition (T6)."""

    msg: str = Field(description="the template; 规范提醒 needs the rule too")
    rule: str | None = None
    to: Texts | None = None
    cc: Texts | None = None
    esc: Texts | None = None


class Expectation(Entry):
    """One moment of a rule test. ``expect`` is by item; ``table`` and ``system`` stand for findings about those."""

    now: str | None = None
    set: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    expect: Mapping[str, Any] = Field(default_factory=dict)
    sends: Mapping[str, tuple[str | Sent, ...]] | None = None


class TestEntry(Entry):
    """A test of rules: items, one or several moments, what must hold at each."""

    __test__ = False  # not a test of ours for pytest to collect

    name: str
    now: str | None = None
    params: Mapping[str, Any] = Field(default_factory=dict)
    given: tuple[Mapping[str, Any], ...]
    enable: Texts = Field(default=(), description="rules that are off otherwise and on in this test")
    unmapped: Mapping[str, Texts] = Field(
        default_factory=dict, description="per kind the fields without a column; * for all"
    )
    swapped_headings: Mapping[str, Texts] = Field(
        default_factory=dict, description="per kind the headings that join 咨询 with I or 知会 with C"
    )
    unread: Texts = Field(default=(), description="kinds whose table could never be read completely")
    waivers: tuple[Mapping[str, Any], ...] = Field(default=(), description="approvals, written as in a waivers file")
    rules: tuple[str, ...] | None = Field(
        default=None, description="compare only these rules; * at the end for any ending"
    )
    expect: Mapping[str, Any] = Field(default_factory=dict)
    sends: Mapping[str, tuple[str | Sent, ...]] | None = None
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
