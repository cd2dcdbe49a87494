"""Compiled sentences and recipients, filled for one item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from duban.rules.compilation import Sentence, To
from duban.rules.context import Context
from duban.rules.recipients import Recipient, chosen, resolve
from duban.rules.world import World
from duban.wording import worded


def fill(sentence: Sentence, subject: Any, world: World) -> str:
    """Return a sentence with its values worded; an empty text stays empty, a missing value is a dash."""
    text = [sentence.parts[0]]
    for part, expression in zip(sentence.parts[1:], sentence.values, strict=True):
        value = expression(subject, world)
        text += ["" if value == "" else worded(value, world.language), part]
    return "".join(text)


def recipients(entries: Sequence[To], context: Context, world: World) -> list[Recipient]:
    """Return the people of a list of recipients, in order."""
    found: list[Recipient] = []
    for entry in entries:
        if entry.condition is not None:
            holds = bool(entry.condition(context, world))
            people = recipients(entry.then if holds else entry.otherwise, context, world)
            found += chosen(people, entry.text, holds=holds)
        elif entry.value is not None:
            found += resolve(context, entry.role, entry.value(context, world))
        else:
            found += resolve(context, entry.role)
    return found
