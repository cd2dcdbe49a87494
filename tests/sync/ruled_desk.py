"""The company in memory with rules that change: a desk whose book is the guide with a team's file over it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

from desk import ZONE, Desk, at, guide

from duban.connectors.base import Page, Receipt, Schema, Write
from duban.connectors.memory import MemoryConnector
from duban.errors import Unavailable
from duban.rules.book import merge, pack_files
from duban.rules.compiled import CompiledBook
from duban.sync.backtest import Backtest, backtest
from duban.sync.history import with_rules
from duban.sync.ledger import Ledger
from duban.sync.restating import Restatement, restate
from duban.sync.setup import Setup
from duban.yamlfile import Document, read_document


@cache
def ruled(text: str) -> CompiledBook:
    """Return the guide with a rules file over it; without a text the guide itself."""
    documents = [read_document(path) for path in pack_files("guide")]
    return CompiledBook(merge([*documents, Document(text, "ours.yaml")])) if text else guide()


class Flaky(MemoryConnector):
    """A tool whose reading ends after the first page while ``down``, and that moves 最近更新 whenever it is written."""

    down = False
    clock = datetime(2024, 7, 22, 9, 0, tzinfo=ZONE)

    def push(self, table: str, schema: Schema, writes: Sequence[Write]) -> Iterator[Receipt]:
        for receipt in super().push(table, schema, writes):
            self.edit(table, receipt.record, {"最近更新": self.clock})
            yield receipt

    def pull(self, table: str, schema: Schema, columns: Sequence[str]) -> Iterator[Page]:
        for page in super().pull(table, schema, columns):
            if self.down:
                raise Unavailable("the tool is down; try again later")
            yield page


@dataclass
class RuledDesk(Desk):
    """A desk with ``rules`` (the text of a rules file over the guide)."""

    rules: str = ""
    keys: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.tool.__class__ = Flaky
        columns = self.tool._columns["tasks"]
        self.tool._columns["tasks"] = [replace(c, type="modified") if c.id == "最近更新" else c for c in columns]

    def setup(self) -> Setup:
        return self.by(self.rules)

    def by(self, rules: str) -> Setup:
        return with_rules(super().setup(), ruled(rules))

    def sync(self, now: str, **rest: Any) -> Any:
        self.tool.clock = at(now)
        result = super().sync(now, **rest)
        self.keys += [(message.key, now) for message in result.plan.messages]
        return result

    def restate(self, now: str, rules: str | None = None) -> Restatement:
        with Ledger.peek(self.url, zone=ZONE) as ledger:
            return restate(self.by(self.rules if rules is None else rules), ledger, now=at(now))

    def backtest(self, since: str, until: str, rules: str | None = None, **rest: Any) -> Backtest:
        with Ledger.peek(self.url, zone=ZONE) as ledger:
            changed = None if rules is None else self.by(rules)
            return backtest(self.setup(), ledger, since=at(since), until=at(until), changed=changed, **rest)

    def with_limits(self, **limits: Any) -> None:
        self.limits = replace(self.limits, **limits)
