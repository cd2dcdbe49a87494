"""Which columns hold the fields of each kind: built-in properties by their field, the others by their headings.

Nothing is guessed: where two columns or two fields compete, the field stays unmapped and a question is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from duban.connectors.base import Column
from duban.connectors.headings import AMBIGUOUS_HEADINGS, GENERIC_HEADINGS, Match, lexicon, normal
from duban.item import Field, Kind, fields_of, item_type_field

Why = Literal[
    "configured", "built-in", "exact", "contained", "own", "kind", "waiver", "renamed", "ignored", "asked", "unused",
]  # fmt: skip

# What a task property that is built into a tool means in a table that holds something else. Custom columns come first.
_BUILT_IN_ELSEWHERE: Mapping[tuple[Kind, str], str] = {
    ("project", "title"): "name", ("issue", "title"): "point", ("dispute", "title"): "point", ("risk", "title"): "desc",
    ("resource", "title"): "desc", ("risk", "owner"): "measure_owner", ("risk", "due"): "measure_due",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one column: the field it holds (or own column, or ``item_type``), and why."""

    column: Column
    field: str | None
    why: Why


@dataclass(frozen=True, slots=True)
class Question:
    """Something that the admin must decide under ``columns:``; ``text`` is one sentence with a proposal."""

    headings: tuple[str, ...]
    fields: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return self.text


class Matcher:
    """Matches the columns of one table; collects questions and what became of every column. Used once."""

    def __init__(self, kinds: tuple[Kind, ...], columns: Sequence[Column]) -> None:
        self.kinds, self.columns = kinds, columns
        self.questions: list[Question] = []
        self._how: dict[tuple[str, str | None], Found] = {}

    def match(
        self, configured: Mapping[str, Column | None], free: Sequence[Column]
    ) -> dict[Kind, Mapping[str, Column]]:
        """Return the columns per kind and field. ``configured`` is settled; ``free`` are the columns to be matched."""
        exact = {
            column.id for kind in self.kinds for column in free if lexicon(kind).exact_match(column.name) is not None
        }
        fields: dict[Kind, Mapping[str, Column]] = {}
        for kind in self.kinds:
            known = {field.key: field for field in fields_of(kind)}
            settled = {key: column for key, column in configured.items() if key in known}
            fields[kind] = MappingProxyType(self._match_kind(kind, known, settled, free, exact))
        return fields

    def _match_kind(
        self,
        kind: Kind,
        known: Mapping[str, Field],
        settled: Mapping[str, Column | None],
        free: Sequence[Column],
        exact: set[str],
    ) -> dict[str, Column]:
        mapped = {key: column for key, column in settled.items() if column is not None}
        built_in, fallback = _built_in(kind, known, free)
        for key, column in built_in.items():
            if key not in settled:
                mapped[key] = column
                self.note(column, key, "built-in")
        used = {column.id for column in (*built_in.values(), *fallback.values())}
        closed = settled.keys() | built_in.keys()
        rest = [column for column in free if column.id not in used and column.field not in known]
        hits = self._hits(kind, rest, exact)
        for key, candidates in self._by_field(known, hits).items():
            winner = None if key in closed else self._winner(kind, known[key], candidates, rest, exact)
            if winner is not None:
                mapped[key] = winner
                self.note(winner, key, hits[winner.id].rank)
        for key, column in fallback.items():
            if key not in mapped and key not in settled:
                mapped[key] = column
                self.note(column, key, "built-in")
        self._ask_ambiguous(known, mapped, rest, exact)
        return {key: mapped[key] for key in known if key in mapped}

    def _hits(self, kind: Kind, columns: Sequence[Column], exact: set[str]) -> dict[str, Match]:
        hits: dict[str, Match] = {}
        for column in columns:
            words = lexicon(kind)
            # What one kind of a mixed table knows outright is not sought inside by the other.
            match = words.exact_match(column.name) if column.id in exact else words.match(column.name)
            if match is None or (match.rank == "contained" and normal(column.name) in AMBIGUOUS_HEADINGS):
                continue
            if kind in {"issue", "dispute"} and _is_item_type(column):
                continue
            hits[column.id] = match
        return hits

    def _by_field(
        self, known: Mapping[str, Field], hits: Mapping[str, Match]
    ) -> dict[str, list[tuple[Column, Match]]]:
        by_field: dict[str, list[tuple[Column, Match]]] = {}
        for column in self.columns:
            match = hits.get(column.id)
            if match is None:
                continue
            if len(match.fields) > 1:
                self._ask([column], match.fields, f"may mean {' or '.join(match.fields)}", match.fields[0])
            elif known[match.fields[0]].type == "ignore":
                self.note(column, match.fields[0], "ignored")
            else:
                by_field.setdefault(match.fields[0], []).append((column, match))
        return by_field

    def _winner(
        self,
        kind: Kind,
        field: Field,
        candidates: Sequence[tuple[Column, Match]],
        others: Sequence[Column],
        exact: set[str],
    ) -> Column | None:
        best = [column for column, match in candidates if match.rank == "exact"] or [column for column, _ in candidates]
        if len(best) == 1:
            best += _rivals(best[0], others, exact) if best[0].id in exact else []
        if len(best) == 1:
            return best[0]
        self._ask(best, (field.key,), f"compete for {field.key} ({field.zh}) of a {kind}", field.key)
        return None

    def _ask_ambiguous(
        self, known: Mapping[str, Field], mapped: Mapping[str, Column], columns: Iterable[Column], exact: set[str]
    ) -> None:
        for column in columns:
            form = normal(column.name)
            if form not in AMBIGUOUS_HEADINGS or column.id in exact:
                continue
            finish = "actual_finish" if "due" in mapped else "due"
            proposals = {"审核": "reviewers", "负责": "owner", "时间": "due", "日期": "due"}
            proposal = proposals.get(form, finish)
            fields = ("due", "actual_finish") if proposal in {"due", "actual_finish"} else (proposal,)
            if proposal in known and proposal not in mapped:
                self._ask([column], fields, "is never mapped by itself", proposal)

    # --- results

    def _ask(self, columns: Sequence[Column], fields: tuple[str, ...], why: str, proposal: str) -> None:
        for column in columns:
            self.note(column, None, "asked")
        headings = tuple(column.name for column in columns)
        plural = "s" if len(headings) > 1 else ""
        text = (
            f"The heading{plural} {' and '.join(headings)} {why}; write columns: {{{proposal}: {headings[0]}}} "
            f"if {headings[0]} is {proposal}, or {proposal}: null"
        )
        question = Question(headings, fields, text)
        if question not in self.questions:
            self.questions.append(question)

    def note(self, column: Column, field: str | None, why: Why) -> None:
        """Remember what became of a column."""
        self._how.setdefault((column.id, field), Found(column, field, why))

    def noted(self, column: Column) -> bool:
        """Return whether something is known of a column already: its heading says something."""
        return any(id_ == column.id for id_, _ in self._how)

    def how(self) -> tuple[Found, ...]:
        """Return one entry per use of a column, in the table's order; every column has at least one."""
        answer: list[Found] = []
        for column in self.columns:
            found = [entry for (id_, _), entry in self._how.items() if id_ == column.id]
            settled = [entry for entry in found if entry.why != "asked"]
            if not found:
                found = [self._unused(column)]
            answer += settled or found
        return tuple(answer)

    def _unused(self, column: Column) -> Found:
        if {"issue", "dispute"} & set(self.kinds) and _is_item_type(column):
            return Found(column, item_type_field().key, "ignored")
        return Found(column, None, "unused")

def _is_item_type(column: Column) -> bool:
    field = item_type_field()
    return normal(column.name) in {normal(name) for name in (field.zh, field.en, *field.synonyms)}


def _built_in(
    kind: Kind, known: Mapping[str, Field], columns: Sequence[Column]
) -> tuple[dict[str, Column], dict[str, Column]]:
    """Return the built-in columns by field: those that stand, and those that yield to a custom column."""
    firm: dict[str, Column] = {}
    yielding: dict[str, Column] = {}
    for column in columns:
        if column.field is None:
            continue
        if column.field in known:
            (yielding if column.fallback else firm).setdefault(column.field, column)
        elif (kind, column.field) in _BUILT_IN_ELSEWHERE:
            yielding.setdefault(_BUILT_IN_ELSEWHERE[kind, column.field], column)
    return firm, yielding


def _rivals(column: Column, others: Sequence[Column], exact: set[str]) -> list[Column]:
    """Return the columns that compete with a generic heading: 审批状态 with 状态, 二级部门 or 部门2 with 部门."""
    generic = normal(column.name)
    if generic not in GENERIC_HEADINGS:
        return []
    competing = re.compile(f".+{generic}|{generic}[0-9a-z]+")
    return [other for other in others if other.id not in exact and competing.fullmatch(normal(other.name))]
