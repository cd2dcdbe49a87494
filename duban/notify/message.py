"""What a person is told: the message value, and how a template and values become its text.

Values are shown as the catalogue's section 8 asks: times with their weekday, durations with the mode of their clock,
and ``—`` for what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from duban.item import Person, Ref
from duban.notify.templates import LANGUAGES, PARTS, Templates, fill
from duban.wording import NOTHING, Language, worded

_LONGEST = 300  # characters of one value: a whole delivery standard would bury what is asked


@dataclass(frozen=True, slots=True)
class Message:
    """What people are told about one row.

    ``rule`` is a rule's id or a transition (T3); ``to``, ``cc`` and ``esc`` (to whom it is escalated) are names of the
    directory; ``key`` says which messages are the same one (C16). The text is complete: nothing is filled in later.
    """

    template: str
    rule: str
    ref: Ref
    code: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    key: str
    title: str
    body: str
    language: Language = "zh"
    esc: tuple[str, ...] = ()

    @property
    def words(self) -> dict[str, Any]:
        """What is said: title, body, language, and to whom it is escalated. The ledger keeps it as ``text``."""
        return {"title": self.title, "body": self.body, "language": self.language, "esc": list(self.esc)}

    def data(self) -> dict[str, Any]:
        """Return plain data for JSON, all keys always there."""
        return {
            "template": self.template, "rule": self.rule, "source": self.ref.source, "table": self.ref.table,
            "record": self.ref.record, "code": self.code, "to": list(self.to), "cc": list(self.cc), "key": self.key,
            **self.words,
        }  # fmt: skip

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Message:
        """Return the message that :meth:`data` described; raises ``KeyError`` for a missing key."""
        return cls(
            template=data["template"], rule=data["rule"], ref=Ref(data["source"], data["table"], data["record"]),
            code=data["code"], to=tuple(data["to"]), cc=tuple(data["cc"]), key=data["key"],
            title=data["title"], body=data["body"], language=data["language"], esc=tuple(data["esc"]),
        )  # fmt: skip


def compose(
    templates: Templates,
    template: str,
    variables: Mapping[str, object],
    *,
    rule: str,
    ref: Ref,
    code: str,
    to: Sequence[str],
    cc: Sequence[str],
    key: str,
    language: Language = "zh",
    esc: Sequence[str] = (),
) -> Message:
    """Make one message.

    ``variables`` go by the English names of ``PLACEHOLDERS``; ``code``, ``to``, ``cc`` and ``rule`` are given by the
    arguments unless ``variables`` say otherwise. A template without a text in the language is told in the other one.
    Raises ``KeyError`` for a template that does not exist: rules are checked against the templates when they load.
    """
    texts = templates[template]
    spoken: Language = language if language in texts else next(known for known in LANGUAGES if known in texts)
    values = {"code": code, "to": tuple(to), "cc": tuple(cc), "rule": rule, **variables}
    title, body = (
        fill(texts[spoken][part], lambda name: show(values.get(name), spoken, name)).strip() for part in PARTS
    )
    title = " ".join(title.split())
    return Message(template, rule, ref, code, tuple(to), tuple(cc), key, title, body, spoken, tuple(esc))


# --- values as people read them

_KINDS = {
    "task": "任务", "issue": "突发问题", "dispute": "部门分歧", "risk": "风险", "project": "项目", "meeting": "会议",
    "resource": "资源",
}  # fmt: skip


def show(value: object, language: Language = "zh", placeholder: str = "") -> str:
    """Return a value as it stands in a message.

    Like :func:`duban.wording.worded`, and: durations and clock parameters (``{hours, mode}``) by their size, because
    "left" or "late by" is the template's word; a number of ``progress`` as a percentage; the ``kind`` by its Chinese
    name; a sequence of sequences as a list of lines. Everything else stays on one line and ends after 300 characters.
    """
    if isinstance(value, list | tuple) and value and all(map(_is_row, value)):
        return "".join(f"\n    - {' · '.join(show(cell, language) for cell in row)}" for row in value)
    if isinstance(value, timedelta):
        value = abs(value)
    elif isinstance(value, Mapping) and "hours" in value:
        value = {**value, "hours": abs(value["hours"])}
    elif placeholder == "kind" and language == "zh":
        value = _KINDS.get(str(value), value)
    text = " ".join(worded(value, language).split())
    if placeholder == "progress" and isinstance(value, int | float):
        text += "%"
    return (text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…") or NOTHING


def _is_row(value: object) -> bool:
    return isinstance(value, list | tuple) and not isinstance(value, Person)
