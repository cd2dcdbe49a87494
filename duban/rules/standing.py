"""By which rules an item stands judged, and why a change of rules leaves a closed item alone.

An item that was closed keeps the rules of that moment. A rule that changed since - itself, or anything that decides it
- brings no new finding on it and no message; a finding that holds already may still go away when its cells are put
right. The clock that its row shows keeps the state and deadline it ended with. Rules that did not change go on as ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from duban.rules.bookrecord import BookRecord
from duban.rules.context import Context
from duban.rules.memory import Closing, Judged, Memory

Books = Mapping[str, Mapping[str, str]]  # the digests of earlier books, by fingerprint

_NOTHING: frozenset[str] = frozenset()


class Standing:
    """The rules in force against those of earlier books, for one judgement."""

    __slots__ = ("_books", "_changed", "record")

    def __init__(self, record: BookRecord, books: Books) -> None:
        self.record, self._books = record, books
        self._changed: dict[str, frozenset[str]] = {record.fingerprint: _NOTHING}

    def changed(self, context: Context) -> frozenset[str]:
        """Return the rules and clocks (by digest name) that changed since an item was closed; none for an open one."""
        closing = context.memory.closing
        if closing is None or not is_closed(context):
            return _NOTHING
        known = self._changed.get(closing.book)
        if known is None:
            known = self._changed[closing.book] = self._since(closing.book)
        return known

    def _since(self, book: str) -> frozenset[str]:
        then = self._books.get(book)
        if then is None:  # a state from elsewhere: nothing is known of its rules, so none may speak up
            return frozenset(self.record.digests)
        return frozenset(name for name, digest in self.record.digests.items() if then.get(name) != digest)

    def lets(self, context: Context, rule: str) -> bool:
        """Tell whether a rule may hold on an item: not newly on a closed one that it changed for since."""
        return rule in context.memory.findings or rule not in self.changed(context)

    def judged(self, memory: Memory, held: Iterable[str], changed: frozenset[str], now: datetime) -> tuple[Judged, ...]:
        """Return by what each finding is held; what is remembered already where nothing is new."""
        known = {each.rule: each for each in memory.judged}
        versions, digests = self.record.versions, self.record.digests
        found = []
        for rule in held:
            before = known.get(rule)
            if before is None:
                since = None if rule in memory.findings else now
                found.append(Judged(rule, versions[rule], digests[rule], since))
            elif rule in changed or (before.version, before.digest) == (versions[rule], digests[rule]):
                found.append(before)
            else:
                found.append(Judged(rule, versions[rule], digests[rule], before.since))
        now_held = tuple(found)
        return memory.judged if now_held == memory.judged else now_held

    def closing(self, context: Context, shown: tuple[str, datetime | None], *, kept: bool) -> Closing | None:
        """Return how an item was closed, ``None`` for one that is open. ``shown`` are state and deadline of the clock
        that its row shows; ``kept`` tells that they are those remembered."""
        before = context.memory.closing
        if not is_closed(context):
            return None
        if before is None:
            return Closing(context.world.now, self.record.fingerprint, *shown)
        if kept or (before.sla, before.sla_due) == shown:
            return before
        return before._replace(sla=shown[0], sla_due=shown[1])


def is_closed(context: Context) -> bool:
    """Tell whether an item is over: a task that is done or cancelled, an issue, dispute or risk that is closed."""
    return context.terminal or context.closed


def judged_data(memory: Memory) -> dict[str, Any]:
    """Return by what an item stands judged, as JSON data."""
    closing = memory.closing
    return {
        "judged_by": [
            {"rule": each.rule, "version": each.version, "digest": each.digest,
             "since": each.since.isoformat() if each.since else None}
            for each in memory.judged
        ],
        "closed_under": None if closing is None else {"at": closing.at.isoformat(), "rules": closing.book},
    }  # fmt: skip
