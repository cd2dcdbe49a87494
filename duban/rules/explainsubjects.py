"""Explanations of what is no item: a table, the system, and one rule over everything that was judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from duban.item import Ref, fields_of
from duban.rules.book import Rule
from duban.rules.context import TableView
from duban.rules.evaluate import Judging, TableSubject
from duban.rules.explainwords import held_lines, named, reason
from duban.rules.tracing import Trace, trace_subject
from duban.rules.waivers import Waiver
from duban.wording import Language, worded

NotApplicable = Mapping[str, Mapping[str, tuple[str, ...]]]  # kind -> rule -> the fields without a column


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule about a table or the system: how it came out, and its sentence when it holds."""

    trace: Trace
    text: str = ""

    def to_json(self, language: Language) -> dict[str, Any]:
        """Return it as JSON data."""
        entry = self.trace.rule.entry
        return {
            "rule": self.trace.rule.id, "name": named(entry, language), "level": entry.level, "holds": self.trace.holds,
            "outcome": self.trace.outcome, "because": list(self.trace.because), "text": self.text,
            "terms": [{"part": term.part, "text": term.text, "state": term.state} for term in self.trace.terms],
            "values": {seen.text: _plain(seen.value) for term in self.trace.terms for seen in term.values},
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class TableExplanation:
    """Why a table has the findings that it has, and which rules about its rows do not apply there for want of a column.

    ``table`` is ``None`` for the system as a whole.
    """

    table: TableView | None
    now: datetime
    judged: tuple[Judged, ...]
    not_applicable: NotApplicable
    language: Language

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as one JSON document."""
        table = self.table
        place = {
            "source": table.source, "table": table.name, "tool": table.tool, "complete": table.complete,
            "kinds": list(table.kinds), "live": table.live,
        } if table is not None else {"source": None, "table": None}  # fmt: skip
        return {
            **place, "now": self.now.isoformat(),
            "rules": [each.trace.rule.id for each in self.judged if each.trace.holds],
            "judged": [each.to_json(self.language) for each in self.judged],
            "not_applicable": {
                kind: {rule: list(fields) for rule, fields in rules.items()}
                for kind, rules in self.not_applicable.items()
            },
        }  # fmt: skip

    def text(self, language: Language | None = None) -> str:
        """Return the explanation for people."""
        return "\n".join(self._lines(language or self.language))

    def _lines(self, language: Language) -> Iterator[str]:
        table, english = self.table, language == "en"
        where = f"{table.source}/{table.name} ({table.tool})" if table else ("系统", "the system")[english]
        yield f"{where}  {worded(self.now, language)}"
        if table is not None and not table.complete:
            yield ("  ! 这次没有完整读到", "  ! not read completely this time")[english]
        for each in self.judged:
            if each.trace.holds:
                yield from held_lines(each.trace, each.text, language)
            else:
                yield f"  {each.trace.rule.id} {named(each.trace.rule.entry, language)}: {reason(each.trace, language)}"
        for kind, rules in self.not_applicable.items():
            names = {field.key: field.en if english else field.zh for field in fields_of(kind)}
            for rule, fields in rules.items():
                missing = worded(tuple(names[field] for field in fields), language)
                yield f"  {rule}: " + ("本表没有列：{}", "not applicable, no column for {}")[english].format(missing)


@dataclass(frozen=True, slots=True)
class RuleExplanation:
    """One rule over everything that was judged: what it asks, where it holds, and the tables where it does not apply.

    ``held`` are (row, code, sentence); ``elsewhere`` are the tables with the reason in the judgement's language.
    """

    rule: Rule
    now: datetime
    asked: int
    held: tuple[tuple[Ref, str, str], ...]
    elsewhere: tuple[tuple[str, str], ...]
    language: Language

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as one JSON document."""
        entry = self.rule.entry
        return {
            "rule": self.rule.id, "name": named(entry, self.language), "of": list(entry.of), "level": entry.level,
            "enabled": entry.enabled, "when": entry.when, "test": entry.test, "let": dict(entry.let),
            "src": list(entry.src), "now": self.now.isoformat(), "asked": self.asked,
            "holds": [
                {"source": ref.source, "table": ref.table, "record": ref.record, "code": code, "text": text}
                for ref, code, text in self.held
            ],
            "elsewhere": [{"table": table, "why": why} for table, why in self.elsewhere],
        }  # fmt: skip

    def text(self, language: Language | None = None) -> str:
        """Return the explanation for people."""
        return "\n".join(self._lines(language or self.language))

    def _lines(self, language: Language) -> Iterator[str]:
        entry, english = self.rule.entry, language == "en"
        yield f"{self.rule.id} {named(entry, language)}  ({', '.join(entry.of)}; {', '.join(entry.src)})"
        for part, condition in (("when", entry.when), ("test", entry.test), *entry.let.items()):
            if condition:
                yield f"  {part}: {condition}"
        if not entry.enabled:
            yield ("  规则已停用", "  the rule is off")[english]
            return
        counts = ("  问过 {} 项，成立 {} 项", "  asked of {} items, holds for {}")[english]
        yield counts.format(self.asked, len(self.held))
        for ref, code, text in self.held:
            yield f"* {code or ref.record} ({ref}): {text}"
        for table, why in self.elsewhere:
            yield f"  {table}: {why}"


def explain_table(judging: Judging, table: TableView) -> TableExplanation:
    """Explain a table of a judgement."""
    subject, _ = judging.table_subject(table)
    verdict = judging.table_verdict(table)
    judging.findings_about("table", subject)  # leaves in the subject what holds
    texts = {finding.rule: finding.text for finding in verdict.findings}
    missing = {
        kind: dict(sorted(judging.book.table_rules(kind, mapped, table.tool).not_applicable.items()))
        for kind, mapped in table.mapped.items()
    }
    found = tuple(_judged(judging, "table", subject, texts, verdict.approved.waived))
    absent = {kind: rules for kind, rules in missing.items() if rules}
    return TableExplanation(table, judging.world.now, found, absent, judging.world.language)


def explain_system(judging: Judging) -> TableExplanation:
    """Explain the findings about the system itself, such as years without a calendar."""
    subject = TableSubject(uncovered=judging.world.uncovered_years)
    texts = {finding.rule: finding.text for finding in judging.findings_about("system", subject)}
    found = tuple(_judged(judging, "system", subject, texts, {}))
    return TableExplanation(None, judging.world.now, found, {}, judging.world.language)


def _judged(
    judging: Judging, what: str, subject: TableSubject, texts: Mapping[str, str], waived: Mapping[str, Waiver]
) -> Iterator[Judged]:
    for rule in judging.book.book.rules.values():
        if what in rule.entry.of:
            yield Judged(trace_subject(judging, subject, rule, waived), texts.get(rule.id, ""))


def explain_rule(judging: Judging, rule: Rule) -> RuleExplanation:
    """Explain one rule about items over everything that was judged."""
    held: list[tuple[Ref, str, str]] = []
    elsewhere: dict[str, str] = {}
    asked, language = 0, judging.world.language
    for context in judging.world.contexts:
        if context.item.kind not in rule.entry.of:
            continue
        why = _not_here(judging, context.table, context.item.kind, rule)
        if why is not None:
            elsewhere.setdefault(f"{context.table.source}/{context.table.name}", reason(why, language))
            continue
        asked += 1
        if rule.id in (*context.hits, *context.memory.findings):
            found = (each for each in judging.verdict(context).findings if each.rule == rule.id)
            held += [(context.item.ref, context.item.code, finding.text) for finding in found]
    return RuleExplanation(rule, judging.world.now, asked, tuple(held), tuple(elsewhere.items()), language)


def _not_here(judging: Judging, table: TableView, kind: str, rule: Rule) -> Trace | None:
    """Return why a rule is not asked of a table's items at all, ``None`` when it is."""
    if rule.entry.tools and table.tool not in rule.entry.tools:
        return Trace(rule, "other_tool", rule.entry.tools)
    rules = judging.rules_of(table, kind)
    if rule.id in rules.not_applicable:
        return Trace(rule, "unmapped", rules.not_applicable[rule.id])
    return Trace(rule, "waiting", rule.entry.known) if rule.id in rules.waiting else None


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
