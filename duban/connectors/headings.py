"""Which field a heading means: the tables of synonyms of the guide (catalogue section 4).

A heading is compared in its *normal* form. An exact hit on a field's zh, en or syn wins; else the longest synonym that
the heading contains. RACI headings are read by their letter (R, A) or by their Chinese word (咨询, 知会), because
guides swap the letters C and I.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

from duban.errors import cells
from duban.item import Field, Kind, fields_of

Rank = Literal["exact", "contained"]

# Never mapped by themselves: each of them means different columns in different teams (catalogue section 4).
AMBIGUOUS_HEADINGS = frozenset({"完成时间", "enddate", "时间", "日期", "审核", "负责"})
# Mapped, unless another column of the table competes for the same field.
GENERIC_HEADINGS = ("状态", "部门", "阶段")

_KEYCAP = re.compile("[0-9#*]\ufe0f?\u20e3")
_CIRCLED = re.compile(
    "^[\u2460-\u249b\u24ea-\u24ff\u2776-\u2793\u3220-\u3229\u3251-\u325f\u3280-\u3289\u32b1-\u32bf]+[)）.、:：\\- ]*"
)
_NUMBERING = re.compile(r"^\(?([0-9]{1,3}(\.[0-9]{1,3})*|[一二三四五六七八九十]{1,3})[).、:\- ]+")
_DROPPED = re.compile(r"[\s_\-/():*]+")
_WORDS = re.compile(r"[a-z0-9%&'.]+")
_HAN = re.compile("[\u3400-\u9fff]")


def plain(text: str) -> str:
    """Return a text without decoration: NFKC, trimmed, without emoji, check marks and leading numbering."""
    text = _KEYCAP.sub("", text)
    text = "".join(character for character in text if not _decorates(character)).strip()
    text = unicodedata.normalize("NFKC", _CIRCLED.sub("", text)).strip()
    return _NUMBERING.sub("", text).strip() or text


def _decorates(character: str) -> bool:
    if character.isascii():
        return False
    category = unicodedata.category(character)
    if category == "So":  # ™ or ㊗ stand for letters and are left to NFKC
        return unicodedata.normalize("NFKC", character) == character
    return category in {"Cf", "Sk", "Me"} or character in "√\ufe0e\ufe0f"


def normal(heading: str) -> str:
    """Return the form in which headings and synonyms are compared."""
    return _DROPPED.sub("", plain(heading).lower())


class Match(NamedTuple):
    """What a heading may mean: the fields with the best score (more than one = ambiguous)."""

    fields: tuple[str, ...]
    rank: Rank


@dataclass(frozen=True, slots=True)
class Synonym:
    """One synonym that may stand inside a longer heading. ``words`` are set for Latin ones: only whole words count."""

    text: str
    words: tuple[str, ...]
    field: str
    weight: int  # printed width, so that 负责人 outweighs Task


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All headings that the fields of one kind are known by."""

    kind: Kind
    exact: dict[str, tuple[str, ...]]
    inside: tuple[Synonym, ...]

    def match(self, heading: str) -> Match | None:
        """Return what a heading means for this kind, ``None`` when nothing fits."""
        hit = self.exact_match(heading)
        return hit or self._contained(heading)

    def exact_match(self, heading: str) -> Match | None:
        """Return the fields that this heading names outright, RACI letters included."""
        role = raci_role(heading) if self.kind == "task" else None
        if role is not None:
            return Match((role.field,), "exact")
        fields = self.exact.get(normal(heading))
        return Match(fields, "exact") if fields else None

    def _contained(self, heading: str) -> Match | None:
        form, words = normal(heading), tuple(_WORDS.findall(plain(heading).lower()))
        hits = [synonym for synonym in self.inside if _stands_in(synonym, form, words)]
        if not hits:
            return None
        best = max(hit.weight for hit in hits)
        keys = dict.fromkeys(hit.field for hit in hits if hit.weight == best)
        return Match(_own_before_common(self.kind, tuple(keys)), "contained")


def _stands_in(synonym: Synonym, form: str, words: tuple[str, ...]) -> bool:
    if not synonym.words:
        return synonym.text in form
    length = len(synonym.words)
    return any(words[start : start + length] == synonym.words for start in range(len(words) - length + 1))


@cache
def lexicon(kind: Kind) -> Lexicon:
    """Return the lexicon of a kind, built once from ``guide/fields.yaml``."""
    exact: dict[str, dict[str, None]] = {}
    inside: list[Synonym] = []
    for field in fields_of(kind):
        for name in (field.zh, field.en, *field.synonyms):
            exact.setdefault(normal(name), {})[field.key] = None
            inside.extend(_synonym(field, name))
    settled = {form: _own_before_common(kind, tuple(keys)) for form, keys in exact.items()}
    return Lexicon(kind, settled, tuple(inside))


def _synonym(field: Field, name: str) -> Iterator[Synonym]:
    # 原截止日期 is not 截止日期: dates are never found inside a longer heading.
    if field.type in {"date", "datetime"}:
        return
    form = normal(name)
    han = len(_HAN.findall(form))
    if han >= 3:
        yield Synonym(form, (), field.key, cells(form))
    elif han == 0 and sum(character.isalpha() for character in form) >= 4:
        yield Synonym(form, tuple(_WORDS.findall(plain(name).lower())), field.key, cells(form))


def _own_before_common(kind: Kind, keys: tuple[str, ...]) -> tuple[str, ...]:
    if kind == "task" or len(keys) < 2:
        return keys
    return tuple(key for key in keys if key not in {"code", "project", "status"}) or keys


# --- RACI


class Role(NamedTuple):
    """What a RACI heading means. ``slip``: it joins 咨询 with I or 知会 with C (RAC-05)."""

    field: str
    slip: bool = False


_BARE = {"r": "responsible_dept", "a": "accountable", "c": "consulted", "i": "informed"}
_BRACKETED = re.compile(r"(.+?)\s*\(\s*([raci])\s*\)")
_APPENDED = re.compile(r"(.*[\u3400-\u9fff])[\s_\-/:*]*([raci])")
_LEADING = re.compile(r"([raci])[\s_\-/:*]*\(?([\u3400-\u9fff]+)\)?")
_ASKED_OR_TOLD = re.compile(r"被?(咨询|知会)(人|人员|方|部门|单位|对象)?")
_DUTY_WORDS = frozenset({"负责", "主责", "执行", "责任", "牵头", "承办", "主办", "审批", "批准", "审核", "决策"})
_DUTY_FIELDS = frozenset({"responsible_dept", "owner", "accountable", "reviewers"})


@cache
def raci_role(heading: str) -> Role | None:
    """Return what a heading with a RACI letter or with 咨询 / 知会 means, ``None`` for every other heading."""
    word, letter = _word_and_letter(plain(heading).lower())
    if not word:
        return Role(_BARE[letter]) if letter else None
    told = _ASKED_OR_TOLD.fullmatch(word)
    if told:
        consulted = told[1] == "咨询"
        return Role("consulted" if consulted else "informed", letter == ("i" if consulted else "c"))
    return _duty(word, letter)


def _word_and_letter(text: str) -> tuple[str, str]:
    bare = _DROPPED.sub("", text)
    if bare in _BARE:
        return "", bare
    trailing = _BRACKETED.fullmatch(text) or _APPENDED.fullmatch(text)
    if trailing:
        return normal(trailing[1]), trailing[2]
    leading = _LEADING.fullmatch(text)
    return (normal(leading[2]), leading[1]) if leading else (bare, "")


def _duty(word: str, letter: str) -> Role | None:
    known = frozenset(lexicon("task").exact.get(word, ()))
    if letter in {"r", "a"} and (known & _DUTY_FIELDS or word in _DUTY_WORDS):
        if letter == "a":
            return Role("accountable")
        return Role("owner" if "owner" in known else "responsible_dept")
    if letter in {"c", "i"} and known & {"consulted", "informed"}:
        return Role(next(iter(known)))
    return None
