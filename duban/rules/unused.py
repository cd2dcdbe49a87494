"""Entries of rules files that nothing reaches: names nobody uses, parts that are never chosen, rules kept silent.

What a later file put aside still counts as a use: a team that rewrites one condition of the guide need not clean up
what only that condition read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from duban.rules.book import Rule, pack_files, words_of
from duban.rules.compilation import Compilation
from duban.rules.language.contradiction import excluded
from duban.rules.language.parse import parse
from duban.yamlfile import nearest, read_document

_BRACES = re.compile(r"\{([^{}]*)\}")


def check_unused(work: Compilation) -> None:
    """Find what no rule uses; after all conditions were compiled, because those tell what they read."""
    if work.problems:  # a condition that could not be read may be the one that uses it
        return
    _patterns_and_tables(work)
    _clocks(work)
    _messages(work)
    for rule in work.book.rules.values():
        _lets(work, rule)


def check_chosen(work: Compilation, rule: Rule) -> None:
    """Find kinds for which a rule names a clock or a message, but which it is not of; and kinds named twice."""
    entry = rule.entry
    for key, value in (("clock", entry.clock), ("msg", entry.msg)):
        for kind in value if isinstance(value, Mapping) else ():
            if kind not in entry.of:
                message = f"the rule is not of kind {kind}, so this is never used{_hint(kind, entry.of)}"
                work.add(rule.place(key).problem(message, part=(kind,), on_key=True))
    for key in ("of", "need", "wants", "tools", "to", "cc", "esc", "once_per", "known"):
        values = getattr(entry, key) or ()
        for index, value in enumerate(values):
            if value in values[:index]:
                shown = repr(value) if isinstance(value, str) else "this choice"
                work.add(rule.place(key).problem(f"{shown} stands here twice", part=(index,)))


def check_silenced(work: Compilation) -> None:
    """Find rules that are always kept silent: whenever they could hold, a suppression does."""
    if work.problems:
        return
    for silence, place in work.book.suppression:
        for kind in silence.of:
            guard, asker = parse(silence.when), work.compiler(kind)
            asker.truth(guard)
            about = {code.source for code in asker.codes.values() if code.symbol is not None}
            for rule, of, compiler in work.asked:
                if of != kind or any(fnmatchcase(rule.id, pattern) for pattern in silence.keep):
                    continue
                conditions = [compiler.roots[text] for text in compiler.gate]
                shared = any(code.source in about for code in compiler.codes.values())
                if not shared:
                    continue
                compiler.codes.update(asker.codes)
                if excluded(guard, conditions, compiler):
                    where = f"{place.document.path}, suppression while {silence.when}"
                    message = f"this rule is always kept silent ({where}); add {rule.id} to its keep"
                    work.add(rule.place("when" if rule.entry.when else "test").problem(message))


# --- names


def _patterns_and_tables(work: Compilation) -> None:
    book = work.book
    for name, place in book.pattern_places.items():
        if name not in work.read and name not in book.superseded:
            work.add(place.problem(f"no rule uses the pattern {name}", on_key=True))
    for document in book.documents:
        for name in document.value.get("tables") or {}:
            if name not in work.read and name not in book.superseded:
                work.add(document.problem(("tables", name), f"no rule uses the table {name}", on_key=True))


def _clocks(work: Compilation) -> None:
    book = work.book
    read = {rule.clock_of(kind) for rule in book.rules.values() for kind in rule.entry.of}
    read |= {book.ladder[0].clock} if book.ladder is not None else set()
    shown: dict[tuple[int, str], str] = {}
    for name, (entry, place) in book.clocks.items():
        if name not in read and not entry.shown and name not in book.superseded:
            message = f"no rule reads the clock {name}; name it as clock of a rule, or let rows show it (shown: true)"
            work.add(place.problem(message, on_key=True))
        for kind in entry.of if entry.shown else ():
            other = shown.setdefault((id(place.document), kind), name)
            if other != name:
                message = f"a row shows one clock, and of kind {kind} the clock {other} is shown already"
                work.add(place.problem(message, part=("shown",)))


def _messages(work: Compilation) -> None:
    book = work.book
    used = {rule.message_of(kind) for rule in book.rules.values() for kind in rule.entry.of} | book.superseded
    for tells in book.ladder[0].tells.values() if book.ladder is not None else ():
        used |= {tell.msg for tell in tells if not isinstance(tell, str)}
    paths = {str(path) for path in pack_files("guide")}
    own = [document for document in book.documents if document.path not in paths]
    unused = [(document, name) for document in own for name in document.value.get("messages") or {} if name not in used]
    if not unused:
        return
    shipped = {name for path in paths for name in read_document(Path(path)).value.get("messages", {})}
    for document, name in unused:
        if name not in shipped:
            message = f"no rule uses the message {name}{_hint(name, shipped)}"
            work.add(document.problem(("messages", name), message, on_key=True))


def _lets(work: Compilation, rule: Rule) -> None:
    entry = rule.entry
    if not entry.let:
        return
    texts = [*_strings([entry.when, entry.test, entry.payload, list(entry.once_per)])]
    told = (each if isinstance(each, str) else each.model_dump() for each in (*entry.to, *entry.cc, *entry.esc))
    texts += _strings(list(told))
    if entry.text is not None:
        texts += [inside for text in (entry.text.zh, entry.text.en) for inside in _BRACES.findall(text)]
    for name in entry.let:
        others = [text for other, text in entry.let.items() if other != name]
        if not any(name in words_of(text) for text in (*texts, *others)) and name not in work.book.superseded:
            work.add(rule.place("let").problem(f"nothing uses the let {name}", part=(name,), on_key=True))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _strings(each)


def _hint(word: str, known: Iterable[str]) -> str:
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near else ""


__all__ = ["check_chosen", "check_silenced", "check_unused"]
