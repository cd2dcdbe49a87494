"""What was approved, at work in a judgement: who may hold, what is silent, what of it is remembered.

:mod:`waivers` decides what counts; here a :class:`Context` gets it before it climbs the ladder, and its findings lose
those that are waived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from duban.rules.compilation import Ready
from duban.rules.context import Context
from duban.rules.waivers import (
    NO_GRANTS,
    Grants,
    Waiver,
    extension_count,
    extension_data,
    grants_of,
    refusal_data,
    renewed_extensions,
    renewed_waived,
    waiver_data,
)


@dataclass(frozen=True, slots=True)
class Approved:
    """What a verdict says of approvals: rules that would hold and are waived, what counts and what not, and how often
    the item was extended so far."""

    waived: Mapping[str, Waiver]
    grants: Grants = NO_GRANTS
    extensions: int = 0


NOTHING_APPROVED = Approved({})

def grant(context: Context) -> None:
    """Give a context what was approved for its item; before it climbs the ladder."""
    world = context.world
    context.grants = grants_of(world.waivers, context.item, world.directory, world.today)


def record_extension(context: Context) -> None:
    """Put an extension by the row's own columns on record and count all; after the ladder, which renews what is
    remembered."""
    recorded = context.renewed.extended
    if context.grants is NO_GRANTS and not recorded:
        return
    extended = renewed_extensions(recorded, context.grants, context.world.today)
    context.extensions = extension_count(extended, context.grants)
    if extended is not recorded:
        context.renewed = replace(context.renewed, extended=extended)


def approve(context: Context, ready: Sequence[Ready]) -> tuple[list[Ready], Approved]:
    """Part the rules that hold into those that are told and those that are waived, and remember which are silent.

    May be asked again: what is remembered follows from what was remembered before, not from the last answer.
    """
    grants = context.grants
    if grants is NO_GRANTS and not context.extensions and not context.memory.waived:
        return list(ready), NOTHING_APPROVED
    waived = {each.rule.id: found for each in ready if (found := grants.waiver_of(each.rule.id)) is not None}
    kept = [each for each in ready if each.rule.id not in waived]
    silent = renewed_waived(context.memory.waived, waived, (each.rule.id for each in kept), context.world.today)
    if silent != context.renewed.waived:
        context.renewed = replace(context.renewed, waived=silent)
    return kept, Approved(waived, grants, context.extensions)


def came_back(context: Context, rule: str) -> str:
    """Return since which day a finding that was waived holds again, an empty text for one that never was."""
    return next((day for known, day in context.renewed.waived if known == rule), "") if context.renewed.waived else ""


def approved_data(approved: Approved) -> dict[str, Any]:
    """Return what was approved as JSON: rules waived that would hold, the extension in force, what does not count."""
    extension = approved.grants.extension
    return {
        "waived": [{"rule": rule, **waiver_data(waiver)} for rule, waiver in sorted(approved.waived.items())],
        "extensions": approved.extensions,
        "extension": None if extension is None else extension_data(extension),
        "waivers_refused": [refusal_data(refused) for refused in approved.grants.refused],
    }
