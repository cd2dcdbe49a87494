"""What was found at one moment of a rule test against what the test expects: every difference, and why.

Who counts: rules that fired where they were wanted, and rules that applied and stayed silent where that was wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

from duban.rules.compiled import Ready
from duban.rules.context import Context
from duban.rules.entries import Expectation, Sent
from duban.rules.evaluate import Finding, Judging, TableSubject, Verdict
from duban.rules.expectations import SYSTEM, TABLE, Part, Say, Words, as_list, expected_value
from duban.rules.explainhistory import move_said
from duban.rules.explainwords import because, reason
from duban.rules.notices import GENERIC, Notice
from duban.rules.sentences import recipients
from duban.rules.tracing import trace
from duban.rules.waivers import Waiver, waiver_said
from duban.wording import worded

_LADDER = frozenset({"state", "lag_days", "effective_due", "baseline_due", "sla", "explain_deadline", "notices"})


@dataclass(slots=True)
class Seen:
    """What a test has seen so far: rules that fired and that kept silent as wanted, and the keys of messages sent."""

    fired: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    asserted: bool = False


class _Subject:
    """An item, a table or the system while its findings are compared."""

    def __init__(
        self, label: str, findings: Sequence[Finding], ready: Mapping[str, Ready], of: Context | TableSubject,
        why_not: Callable[[str], str], why: Callable[[str], str],
    ) -> None:  # fmt: skip
        self.label, self.findings, self.ready, self.of = label, findings, ready, of
        self.why_not, self.why = why_not, why


class Comparison:
    """One moment: judged, and compared with what the test says of it."""

    def __init__(self, words: Words, judging: Judging, seen: Seen) -> None:
        self.words, self.judging, self.seen = words, judging, seen
        self.judgement = judging.judgement()
        self.say: Say = words.say
        self._at = f"{judging.world.now:%Y-%m-%d %H:%M}"

    def run(self, step: Expectation, part: Part) -> None:
        """Say every difference; what is to be remembered of the items goes back to them."""
        by_ref = {each.ref: each for each in self.words.given.values()}
        for verdict in self.judgement.verdicts:
            item = by_ref[verdict.item.ref]
            item.memory = verdict.memory
            fresh = [notice for notice in verdict.notices if notice.key not in self.seen.told]
            if item.name in step.expect:
                self._item(verdict, step.expect[item.name], (*part, "expect", item.name))
            if step.sends is not None and item.name in step.sends:
                self._sends(item.name, verdict, fresh, step.sends[item.name], (*part, "sends", item.name))
            self.seen.told |= {notice.key for notice in fresh}
        if SYSTEM in step.expect:
            subject = TableSubject(uncovered=self.judging.world.uncovered_years)
            self._about(SYSTEM, SYSTEM, subject, step.expect[SYSTEM], (*part, "expect", SYSTEM))
        if TABLE in step.expect:
            self._tables(step.expect[TABLE], (*part, "expect", TABLE))

    # --- items

    def _item(self, verdict: Verdict, wanted: Any, part: Part) -> None:
        asked = wanted if isinstance(wanted, Mapping) else {"rules": wanted}
        context = self.judging.context_of(verdict.item.ref)
        assert context is not None
        ready = _without(self.judging.rules_for(context).rules, verdict.approved.waived)
        subject = _Subject(
            f"{self._at} {part[-1]}", verdict.findings, ready, context,
            lambda rule: self._why_not(context, rule), lambda rule: self._why(context, rule),
        )  # fmt: skip
        self._rules_and_findings(subject, asked, part)
        if "not_applicable" in asked:
            self._not_applicable(context, frozenset(asked["not_applicable"]), (*part, "not_applicable"))
        for key in sorted(set(asked) - {"rules", "findings", "not_applicable"}):
            self.seen.asserted = True
            found, expected = _answer(verdict, key), expected_value(key, asked[key], self.words.zone)
            if found != expected:
                why = _moved(verdict, context) if key in _LADDER else ""
                sentence = f"{subject.label}: {key} expected {_shown(expected)}, found {_shown(found)}{why}"
                self.say((*part, key), sentence, on_key=True)

    def _not_applicable(self, context: Context, wanted: frozenset[str], part: Part) -> None:
        """Compare the rules that the item's table has no columns for (C10)."""
        self.seen.asserted = True
        found = frozenset(self.judging.rules_for(context).not_applicable) & self.words.compared
        for rule_id in sorted(found ^ wanted):
            why = self._why_not(context, rule_id) if rule_id in found else "its table has every column that it needs"
            said = "is not applicable" if rule_id in found else "is expected to be not applicable, but is"
            self.say(part, f"{self._at} {part[-2]}: {rule_id} {said}: {why}", on_key=True)

    def _why_not(self, context: Context, rule_id: str) -> str:
        rule = self.judging.book.book.rules[rule_id]
        if context.item.kind in rule.entry.of:
            return reason(trace(self.judging, context, rule), "zh")
        return f"it is of {', '.join(rule.entry.of)}, this is a {context.item.kind}"

    def _why(self, context: Context, rule_id: str) -> str:
        return because(trace(self.judging, context, self.judging.book.book.rules[rule_id]), "zh")

    # --- tables and the system

    def _tables(self, wanted: Any, part: Part) -> None:
        of_tables = wanted if isinstance(wanted, Mapping) else dict.fromkeys(self.words.tables, wanted)
        views = {view.name: view for view in self.judging.snapshot.tables.values()}
        done: set[str] = set()
        for called, of_table in of_tables.items():
            name = self.words.tables[called]
            if name in done:  # one table has two names: by its kind alone, and with its tool
                continue
            done.add(name)
            subject, _ = self.judging.table_subject(views[name])
            here = (*part, called) if isinstance(wanted, Mapping) else part
            waived = self.judging.table_verdict(views[name]).approved.waived
            self._about(TABLE, f"{TABLE} {called}", subject, of_table, here, waived)

    def _about(
        self, what: str, label: str, subject: TableSubject, wanted: Any, part: Part,
        waived: Mapping[str, Waiver] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        ready = _without(self.judging.book.table_rules(what, frozenset(), "").rules, waived)
        findings = [each for each in self.judging.findings_about(what, subject) if each.rule not in waived]

        def why(rule_id: str) -> str:
            rule = self.judging.book.book.rules[rule_id]
            if what not in rule.entry.of:
                return f"it is of {', '.join(rule.entry.of)}, this is a {what}"
            if rule_id in waived:
                return f"已豁免：{waiver_said(waived[rule_id], 'zh')}"
            if rule_id not in ready:
                return "规则已停用"
            return f"{rule.entry.test}（{worded(_names(ready[rule_id], subject, self.judging))}）"

        asked = wanted if isinstance(wanted, Mapping) else {"rules": wanted}
        self._rules_and_findings(_Subject(f"{self._at} {label}", findings, ready, subject, why, why), asked, part)

    # --- findings

    def _rules_and_findings(self, subject: _Subject, asked: Mapping[str, Any], part: Part) -> None:
        if "rules" in asked:
            self.seen.asserted |= bool(self.words.compared)
            self._rules(subject, frozenset(asked["rules"]), part)
        for rule_id, details in asked.get("findings", {}).items():
            self.seen.asserted = True
            self._details(subject, rule_id, details, (*part, "findings", rule_id))

    def _rules(self, subject: _Subject, wanted: frozenset[str], part: Part) -> None:
        compared = self.words.compared
        found = frozenset(finding.rule for finding in subject.findings) & compared
        self.seen.fired |= wanted & found
        self.seen.silent |= (frozenset(subject.ready) & compared) - wanted - found
        texts = {finding.rule: finding.text for finding in subject.findings}
        for rule_id in sorted(found - wanted):
            sentence = f"{rule_id} is not expected, but holds: {texts[rule_id]}; {subject.why(rule_id)}"
            self.say(part, f"{subject.label}: {sentence}", on_key=True)
        for rule_id in sorted(wanted - found):
            sentence = f"{rule_id} is expected, but does not hold: {subject.why_not(rule_id)}"
            self.say(part, f"{subject.label}: {sentence}", on_key=True)

    def _details(self, subject: _Subject, rule_id: str, details: Mapping[str, Any], part: Part) -> None:
        finding = next((each for each in subject.findings if each.rule == rule_id), None)
        if finding is None:
            sentence = f"{rule_id} is expected, but does not hold: {subject.why_not(rule_id)}"
            self.say(part, f"{subject.label}: {sentence}", on_key=True)
            return
        self.seen.fired |= {rule_id} & self.words.compared
        ready, world = subject.ready[rule_id], self.judging.world
        for key, value in details.items():
            if key == "level":
                found, expected = [finding.level], [value]
            elif key == "names":
                found, expected = [worded(name) for name in _names(ready, subject.of, self.judging)], as_list(value)
            else:
                people = recipients(getattr(ready, key), subject.of, world)  # type: ignore[arg-type]
                found, expected = list(dict.fromkeys(person.name for person in people)), as_list(value)
            if found != expected:
                sentence = f"{subject.label}: {rule_id} {key} expected {_list(expected)}, found {_list(found)}"
                self.say((*part, key), sentence, on_key=True)

    # --- messages

    def _sends(
        self, name: str, verdict: Verdict, fresh: Sequence[Notice], wanted: Sequence[str | Sent], part: Part
    ) -> None:
        self.seen.asserted = True
        going = [notice for notice in fresh if not notice.told]
        templates = [each if isinstance(each, str) else each.msg for each in wanted]
        expected = sorted(template for template in templates if template != GENERIC)
        sent = sorted(notice.template for notice in going if notice.template != GENERIC)
        if expected != sent:
            before = {n.template for n in verdict.notices if n.key in self.seen.told} & set(expected) - set(sent)
            note = f" ({_list(sorted(before))} was sent before and goes out once)" if before else ""
            shown = _list([_message(notice) for notice in going if notice.template != GENERIC])
            sentence = f"{self._at} {name}: expected to send {_list(expected)}, sent {shown}{note}"
            self.say(part, sentence, on_key=True)
        for index, each in enumerate(wanted):
            if isinstance(each, Sent):
                self._message(name, going, each, (*part, index))

    def _message(self, name: str, going: Sequence[Notice], wanted: Sent, part: Part) -> None:
        found = [n for n in going if n.template == wanted.msg and wanted.rule in {None, n.rule}]
        if not found:
            if wanted.msg == GENERIC or wanted.rule is not None:  # else it is said with the templates
                shown = _list([_message(notice) for notice in going])
                self.say(part, f"{self._at} {name}: no {wanted.msg} of {wanted.rule} is sent; sent {shown}")
            return
        for key in ("to", "cc", "esc"):
            people, expected = list(getattr(found[0], key)), getattr(wanted, key)
            if expected is not None and people != list(expected):
                sentence = f"{wanted.msg} of {found[0].rule} goes {key} {_list(people)}, expected {_list(expected)}"
                self.say((*part, key), f"{self._at} {name}: {sentence}{_fallbacks(found[0])}", on_key=True)


def _names(ready: Ready, of: Context | TableSubject, judging: Judging) -> tuple[Any, ...]:
    value = ready.payload(of, judging.world) if ready.payload is not None else ()
    return value if isinstance(value, tuple) else () if value is None else (value,)


def _without(ready: Mapping[str, Ready], waived: Mapping[str, Waiver]) -> Mapping[str, Ready]:
    """Return the rules that are judged; one that is waived does not count as silent."""
    return {rule: each for rule, each in ready.items() if rule not in waived} if waived else ready


def _answer(verdict: Verdict, key: str) -> Any:
    alert = verdict.alert
    answers: dict[str, Any] = {
        "level": verdict.level, "state": verdict.state, "lag_days": verdict.lag_days, "sla": verdict.sla,
        "sla_due": verdict.sla_due, "effective_due": verdict.effective_due, "upstream": verdict.upstream,
        "alert_at": alert.at, "waived": sorted(verdict.approved.waived), "extensions": verdict.approved.extensions,
    }  # fmt: skip
    return answers[key] if key in answers else getattr(alert, key)


def _moved(verdict: Verdict, context: Context) -> str:
    """Say what the ladder did in this run, and that an explanation does not count where one stands there."""
    parts = [f"{move} {move_said(move, 'zh')}" for move in verdict.moves]
    parts += [f"截止日期 {worded(context.effective_due)}"] if context.effective_due else []
    parts += [context.explanation_note.lstrip("；")] if context.explanation_note else []
    return f"（{'；'.join(parts)}）" if parts else ""


def _message(notice: Notice) -> str:
    groups = {"": notice.to, "cc ": notice.cc, "esc ": notice.esc}
    people = "; ".join(f"{group}{'、'.join(names)}" for group, names in groups.items() if names)
    return f"{notice.template} of {notice.rule} ({people})"


def _fallbacks(notice: Notice) -> str:
    return f" ({'; '.join(notice.why)})" if notice.why else ""


def _shown(value: Any) -> str:
    return worded(value) if isinstance(value, (date, type(None))) else str(value)


def _list(names: Iterable[str]) -> str:
    return "、".join(names) or "nothing"


__all__ = ["Comparison", "Seen"]
