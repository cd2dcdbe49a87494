"""The ledger as portable JSON: what ``state export`` writes and ``state import`` reads (spec section 4).

Times are ISO-8601 with an offset; on the way in also local, ``2024-07-22 09:00``, in the zone given. Every key but an
item's identity may be missing. Nothing here touches the ledger.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, tzinfo
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo

from duban.errors import StateError
from duban.item import own_columns
from duban.rules.memory import Alert, ClockPast, Closing, Judged, Memory, Transition
from duban.sync.ledger.recollection import ALERT_DAYS, ALERT_INSTANTS
from duban.sync.ledger.values import MessageStatus

VERSION = 1

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d(:\d\d)?)?\Z")
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")


def _instant(value: Any, info: ValidationInfo) -> Any:
    if value is None:
        return None
    if not isinstance(value, str) or not _INSTANT.match(value):
        raise ValueError("should be a time such as 2024-07-22T09:00:00+08:00 or 2024-07-22 09:00")
    instant = datetime.fromisoformat(value)  # its own ValueError names the impossible part
    zone = cast("tzinfo", cast("Mapping[str, Any]", info.context)["zone"])
    return instant.replace(tzinfo=zone) if instant.tzinfo is None else instant.astimezone(zone)


def _day(value: Any) -> Any:
    if value is None:
        return None
    if not isinstance(value, str) or not _DAY.match(value):
        raise ValueError("should be a date such as 2024-07-22")
    return date.fromisoformat(value)


def _day_text(value: Any) -> Any:
    return value and _day(value).isoformat()


def _one_of(column: str) -> BeforeValidator:
    """Check a word against the values of an own column of tasks."""
    words = next(own.values for own in own_columns("task") if own.key == column)

    def check(value: Any) -> Any:
        if value not in words:
            raise ValueError(f"should be one of {'、'.join(words)}")
        return value

    return BeforeValidator(check)


Instant = Annotated[datetime, BeforeValidator(_instant)]
Day = Annotated[date, BeforeValidator(_day)]
DayText = Annotated[str, BeforeValidator(_day_text)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class StepState(_Part):
    """One transition of an alert: what moved it, when, from where to where, and the facts that decided."""

    move: str
    at: Instant
    before: str = ""
    after: Annotated[str, _one_of("alert_state")]
    cause: dict[str, str] = Field(default_factory=dict)


class AlertState(_Part):
    """An alert; a key that is missing has the value of an item that was never alerted."""

    state: Annotated[str, _one_of("alert_state")] = "正常"
    at: Instant | None = None
    explain_deadline: Instant | None = None
    notices: Annotated[int, Field(ge=0)] = 0
    baseline_due: Day | None = None
    due_cell: Day | None = None
    escalated_at: Instant | None = None
    escalated_to: str | None = None
    cycle: Annotated[int, Field(ge=1)] = 1
    cycle_at: Instant | None = None
    accepted_due: Day | None = None
    explained_at: Instant | None = None
    explained_late: bool | None = None
    sla: Annotated[str, _one_of("sla_state")] = "不适用"
    shadow: bool = False
    history: Annotated[tuple[StepState, ...], Field(strict=False)] = ()

    def alert(self) -> Alert:
        """Return the alert."""
        steps = (Transition(s.move, s.at, s.before, s.after, tuple(s.cause.items())) for s in self.history)
        return Alert(**{**dict(self), "history": tuple(steps)})


class SpanState(_Part):
    """A stretch of time in one status; ``until`` is missing for the present one."""

    status: str
    since: Instant
    until: Instant | None = None


class ClockState(_Part):
    """What is remembered of one clock that pauses or has several cycles."""

    name: str
    cycle: Annotated[int, Field(ge=1)] = 1
    since: Instant | None = None
    ended_at: Instant | None = None
    paused_since: Instant | None = None
    pauses: Annotated[
        tuple[Annotated[tuple[Instant, Instant], Field(strict=False)], ...], Field(strict=False)
    ] = ()


class JudgedState(_Part):
    """By which version of its rule a finding is held, and since when."""

    rule: str
    version: int = 1
    digest: str = ""
    since: Instant | None = None


class ClosingState(_Part):
    """When, and under which rules (the fingerprint of their book), an item was closed."""

    at: Instant
    book: str = ""
    sla: str = ""
    sla_due: Instant | None = None


class ItemState(_Part):
    """What is remembered of one item: of a row (``record``), or of whatever row carries the ``code``."""

    source: str | None = None
    table: str | None = None
    record: str | None = None
    code: str | None = None
    status: str | None = None
    status_since: Instant | None = None
    previous_status: str | None = None
    alert: AlertState | None = None
    explanation: str | None = None
    explained_seen_at: Instant | None = None
    explained_unseen_at: Instant | None = None
    human: str | None = None
    human_at: Instant | None = None
    written_at: Instant | None = None
    findings: Annotated[tuple[str, ...], Field(strict=False)] = ()
    baseline: dict[str, str] = Field(default_factory=dict)
    imported: bool | None = None
    clocks: Annotated[tuple[ClockState, ...], Field(strict=False)] = ()
    judged: Annotated[tuple[JudgedState, ...], Field(strict=False)] = ()
    closing: ClosingState | None = None
    extended: Annotated[tuple[Annotated[tuple[DayText, DayText], Field(strict=False)], ...], Field(strict=False)] = ()
    waived: dict[str, DayText] = Field(default_factory=dict)
    spans: Annotated[tuple[SpanState, ...], Field(strict=False)] = ()

    def memory(self) -> Memory:
        """Return the item's memory. A state that does not say so itself counts as imported when it has a status or an
        alert: what it would have been told is taken as told."""
        alert = Alert() if self.alert is None else self.alert.alert()
        claimed = self.alert is not None or self.status is not None
        return Memory(
            self.status, self.status_since, self.previous_status, alert, self.explanation, self.explained_seen_at,
            self.explained_unseen_at, self.human, self.human_at, self.written_at, self.findings,
            tuple(self.baseline.items()), claimed if self.imported is None else self.imported,
            tuple(ClockPast(**dict(clock)) for clock in self.clocks),
            judged=tuple(Judged(**dict(each)) for each in self.judged),
            closing=None if self.closing is None else Closing(**dict(self.closing)),
            extended=self.extended, waived=tuple(self.waived.items()),
        )  # fmt: skip


class MessageState(_Part):
    """A message; one that says no more than its key was told already."""

    key: Annotated[str, Field(min_length=1)]
    template: str = ""
    rule: str | None = None
    source: str = ""
    table: str = ""
    record: str = ""
    code: str = ""
    to: Annotated[tuple[str, ...], Field(strict=False)] = ()
    cc: Annotated[tuple[str, ...], Field(strict=False)] = ()
    text: dict[str, Any] = Field(default_factory=dict)
    status: MessageStatus = "known"
    attempts: Annotated[int, Field(ge=0)] = 0
    error: str | None = None
    created_at: Instant | None = None
    tried_at: Instant | None = None
    next_at: Instant | None = None
    sent_at: Instant | None = None
    run: str = ""


class BookState(_Part):
    """The digests of the rules that some closed items were judged by."""

    fingerprint: Annotated[str, Field(min_length=1)]
    first_at: Instant | None = None
    digests: dict[str, str] = Field(default_factory=dict)


class StateDocument(_Part):
    """A whole document."""

    version: Literal[1]
    items: list[ItemState] = Field(default_factory=list)
    messages: list[MessageState] = Field(default_factory=list)
    books: list[BookState] = Field(default_factory=list)


_PARTS: Mapping[str | int, type[_Part]] = {
    "items": ItemState,
    "messages": MessageState,
    "books": BookState,
    "alert": AlertState,
    "history": StepState,
    "spans": SpanState,
    "clocks": ClockState,
    "judged": JudgedState,
    "closing": ClosingState,
}


def parse(document: Any, zone: tzinfo) -> StateDocument:
    """Return a checked document, or raise one ``StateError`` with everything that is wrong with it."""
    try:
        checked = StateDocument.model_validate(document, context={"zone": zone})
    except ValidationError as error:
        wrong = [_sentence(problem, document) for problem in error.errors(include_url=False, include_input=False)]
    else:
        wrong = list(_inconsistencies(checked))
        if not wrong:
            return checked
    raise StateError("this state cannot be imported, and nothing was; correct it:\n" + "\n".join(wrong))


def _sentence(problem: Any, document: Any) -> str:
    location = problem["loc"]
    place = ""
    for part in location:
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(location[-1]), _known_keys(location), 1)
        message = "is not a key of a state" + (f"; did you mean {near[0]}?" if near else "")
    elif location == ("version",):
        message = f"should be {VERSION}, the only version that this duban reads"
    return f"  {place or 'the document'}{_named(location, document)}: {message}"


def _known_keys(location: tuple[Any, ...]) -> list[str]:
    part: type[_Part] = StateDocument
    for step in location[:-1]:
        part = _PARTS.get(step, part)
    return list(part.model_fields)


def _named(location: tuple[Any, ...], document: Any) -> str:
    """Return the code of the item that a location is in, for people."""
    if len(location) < 2 or location[0] != "items" or not isinstance(location[1], int):
        return ""
    entry = document["items"][location[1]]
    code = entry.get("code") if isinstance(entry, dict) else None
    return f" ({code})" if isinstance(code, str) and code else ""


def _inconsistencies(document: StateDocument) -> Iterator[str]:
    seen: dict[tuple[str | None, ...], int] = {}
    for place, item in enumerate(document.items):
        if item.record is None and not item.code:
            yield f"  items[{place}]: has neither record nor code, so it belongs to no row"
            continue
        if item.record is not None and (item.source is None or item.table is None):
            yield f"  items[{place}]: a record needs its source and table; leave record out to find the row by its code"
        identity = (item.source, item.table, item.record, None if item.record is not None else item.code)
        first = seen.setdefault(identity, place)
        if first != place:
            yield f"  items[{place}]: is the same item as items[{first}]"


def item_data(item: ItemState) -> dict[str, Any]:
    """Return an item of a document as duban itself would write it."""
    place = {"source": item.source, "table": item.table, "record": item.record, "code": item.code}
    return memory_data(place, item.memory(), item.spans)


def memory_data(place: Mapping[str, str | None], memory: Memory, spans: Iterable[SpanState]) -> dict[str, Any]:
    """Return an item as the document writes it: every key, ``place`` first, times with the offset they have."""
    kept = {
        "status": memory.status, "status_since": _iso(memory.status_since), "previous_status": memory.previous_status,
        "alert": alert_data(memory.alert), "explanation": memory.explanation,
        "explained_seen_at": _iso(memory.explained_seen_at), "explained_unseen_at": _iso(memory.explained_unseen_at),
        "human": memory.human, "human_at": _iso(memory.human_at), "written_at": _iso(memory.written_at),
        "findings": list(memory.findings), "baseline": dict(memory.baseline), "imported": memory.imported,
        "clocks": [_clock_data(past) for past in memory.clocks],
        "judged": [each._asdict() | {"since": _iso(each.since)} for each in memory.judged],
        "closing": _closing_data(memory.closing),
        "extended": [list(each) for each in memory.extended], "waived": dict(memory.waived),
    }  # fmt: skip
    past = [{"status": span.status, "since": _iso(span.since), "until": _iso(span.until)} for span in spans]
    return {**place, **kept, "spans": past}


def _closing_data(closing: Closing | None) -> dict[str, Any] | None:
    if closing is None:
        return None
    return closing._asdict() | {"at": _iso(closing.at), "sla_due": _iso(closing.sla_due)}


def _clock_data(past: ClockPast) -> dict[str, Any]:
    times = {name: _iso(getattr(past, name)) for name in ("since", "ended_at", "paused_since")}
    return {"name": past.name, "cycle": past.cycle, **times, "pauses": [[_iso(a), _iso(b)] for a, b in past.pauses]}


def alert_data(alert: Alert) -> dict[str, Any]:
    """Return an alert as the document writes it."""
    data = {name: getattr(alert, name) for name in AlertState.model_fields}
    data["history"] = [_step_data(step) for step in alert.history]
    return {name: _iso(value) if name in ALERT_INSTANTS + ALERT_DAYS else value for name, value in data.items()}


def _step_data(step: Transition) -> dict[str, Any]:
    where = {"before": step.before, "after": step.after}
    return {"move": step.move, "at": _iso(step.at), **where, "cause": dict(step.cause)}


def _iso(value: date | None) -> str | None:
    return None if value is None else value.isoformat()
