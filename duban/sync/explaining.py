"""Explaining what somebody asks about: an item by code or ref, a table by name, a rule by its id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

from duban.errors import ConfigError
from duban.rules.book import Rule
from duban.rules.clock import Clock
from duban.rules.context import TableView
from duban.rules.evaluate import Judging, judge
from duban.rules.explain import Explanation, explain_item
from duban.rules.explainsubjects import (
    RuleExplanation,
    TableExplanation,
    explain_rule,
    explain_system,
    explain_table,
)
from duban.sync.cycle import Looked
from duban.sync.setup import Setup
from duban.wording import Language
from duban.yamlfile import nearest


@dataclass(frozen=True, slots=True)
class Explained:
    """Everything that the word of a question means; several items when a code is in several tools."""

    items: Sequence[Explanation] = ()
    tables: Sequence[TableExplanation] = ()
    rules: Sequence[RuleExplanation] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document of ``explain --json``."""
        return {
            "version": 1,
            "items": [each.to_json() for each in self.items],
            "tables": [each.to_json() for each in self.tables],
            "rules": [each.to_json() for each in self.rules],
        }

    def texts(self, language: Language) -> list[str]:
        """Return the explanations for people."""
        found: list[Explanation | TableExplanation | RuleExplanation] = [*self.items, *self.tables, *self.rules]
        return [each.text(language) for each in found]


def explained(looked: Looked, setup: Setup, what: str) -> Explained:
    """Return what a word means, explained: the items with this code or the row ``source/table/record``, else the table
    with this name or ``source/table``, else the rule with this id, in this order.

    Raises ``ConfigError`` with the nearest name when it means nothing.
    """
    judging = judge(
        setup.book, looked.snapshot, now=looked.now, zone=setup.zone, clocks=Clock(setup.calendar),
        directory=setup.directory, language=setup.language,
    )  # fmt: skip
    contexts = judging.world.contexts
    items = [context for context in contexts if what and what in {context.item.code, str(context.item.ref)}]
    if items:
        return Explained([explain_item(judging, context) for context in items])
    tables = [view for view in looked.snapshot.tables.values() if what in {view.name, f"{view.source}/{view.name}"}]
    if tables:
        return Explained(tables=[explain_table(judging, view) for view in tables])
    if what in setup.book.book.rules:
        return _rule(judging, setup.book.book.rules[what])
    raise ConfigError(_unknown(what, judging, looked.snapshot.tables.values()))


def _rule(judging: Judging, rule: Rule) -> Explained:
    """A rule about tables is explained by the tables, one about the system by the system."""
    if "table" in rule.entry.of:
        tables = [explain_table(judging, view) for view in judging.snapshot.tables.values()]
        return Explained(tables=tables)
    if "system" in rule.entry.of:
        return Explained(tables=[explain_system(judging)])
    return Explained(rules=[explain_rule(judging, rule)])


def _unknown(what: str, judging: Judging, tables: Iterable[TableView]) -> str:
    codes = [context.item.code for context in judging.world.contexts if context.item.code]
    refs = [str(context.item.ref) for context in judging.world.contexts] if "/" in what else []
    names = [name for view in tables for name in (view.name, f"{view.source}/{view.name}")]
    known = [*codes, *refs, *names, *judging.book.book.rules]
    near = next((name for name in known if _folded(name) == _folded(what)), None) or nearest(what, known)
    hint = f"; did you mean {near}?" if near else "; duban findings lists them"
    return f"there is no item {what}, and no table or rule of that name{hint}"


def _folded(name: str) -> str:
    """A name without what people mistype first: case, full-width letters, blanks around it."""
    return normalize("NFKC", name).strip().casefold()
