"""Text patterns of conditions, in RE2: linear time whatever the pattern and the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from itertools import islice
from typing import Any

import re2

Search = Callable[[str, "str | None"], "bool | None"]
Captures = Callable[[str, "str | None"], tuple[str, ...]]

_MOST_CAPTURES = 500
_CHARACTER = re.compile(r"\\u([0-9A-Fa-f]{4})")


class PatternError(Exception):
    """A pattern that RE2 cannot read; the text says why."""


@cache
def compiled(pattern: str) -> Any:
    """Return a compiled pattern; raises ``PatternError``. ``\\uXXXX``, which RE2 lacks, is read as the character."""
    options = re2.Options()
    options.log_errors = False  # the error is raised; standard error is not ours to write to
    try:
        return re2.compile(_CHARACTER.sub(lambda found: re.escape(chr(int(found[1], 16))), pattern), options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        raise PatternError(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)) from None


@cache
def found_everywhere(pattern: str) -> bool:
    """Tell whether a pattern is found in any text whatever, the empty one included; false for one that is wrong."""
    try:
        search = compiled(pattern).search
    except PatternError:
        return False
    return all(search(text) is not None for text in ("", "甲", "a1 \n-", "0"))


def searcher(patterns: Mapping[str, str]) -> tuple[Search, Captures]:
    """Return the two functions of the language: search (true, false, unknown) and captures of the first group.

    A name is a key of ``patterns``, or a pattern itself after ``=``.
    """

    def find(name: str) -> Any:
        return compiled(patterns[name] if name in patterns else name[1:])

    def search(name: str, text: str | None) -> bool | None:
        return None if text is None else find(name).search(text) is not None

    def captures(name: str, text: str | None) -> tuple[str, ...]:
        if text is None:
            return ()
        # One search is linear; as many as a text has characters would not be.
        found = (match[1] for match in islice(find(name).finditer(text), _MOST_CAPTURES))
        return tuple(dict.fromkeys(part for part in found if part))

    return search, captures
