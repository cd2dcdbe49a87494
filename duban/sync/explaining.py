"""Explaining one item of a cycle: finds it by code or ref and hands everything to ``rules.explain``."""

from __future__ import annotations

from duban.errors import ConfigError
from duban.rules.explain import Explanation, explain
from duban.sync.cycle import Looked
from duban.sync.setup import Setup
from duban.yamlfile import nearest


def explained(looked: Looked, setup: Setup, what: str) -> list[Explanation]:
    """Return an explanation for every item with this code, or for the one row ``source/table/record``.

    Raises ``ConfigError`` with the nearest code when there is none.
    """
    items = looked.snapshot.items
    refs = [item.ref for item in items if what in {item.code, str(item.ref)}]
    if not refs:
        near = nearest(what, [item.code for item in items if item.code])
        hint = f"; did you mean {near}?" if near else "; duban findings lists them"
        raise ConfigError(f"there is no item {what}{hint}")
    return [
        explain(
            setup.book, looked.snapshot, ref, now=looked.now, zone=setup.zone, calendar=setup.calendar,
            directory=setup.directory, language=setup.language,
        )
        for ref in refs
    ]  # fmt: skip
