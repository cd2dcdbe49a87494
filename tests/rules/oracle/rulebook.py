"""The list of all rules: what each judges, how bad it is, and which columns it cannot do without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

RED, YELLOW, INFO = "红", "黄", "绿"


@dataclass(frozen=True)
class Rule:
    """One rule of the guide. ``test`` gets one case and says whether the finding holds."""

    id: str
    kind: str
    level: str
    needs: tuple[str, ...]
    on: bool
    tools: tuple[str, ...]
    test: Callable[[Any], bool]


RULES: dict[tuple[str, str], Rule] = {}


def rule(
    rule_id: str, kind: str, level: str, *, need: str = "", on: bool = True, tools: tuple[str, ...] = ()
) -> Callable[[Callable[[Any], bool]], Callable[[Any], bool]]:
    """Enter a test into the list. ``need``: field keys separated by spaces; ``on``: whether it runs by default."""

    def enter(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
        assert (rule_id, kind) not in RULES, rule_id
        RULES[rule_id, kind] = Rule(rule_id, kind, level, tuple(need.split()), on, tools, test)
        return test

    return enter
