"""Text patterns of conditions, in RE2: linear time whatever the pattern and the text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import re2


@cache
def compiled(pattern: str) -> Any:
    """Return a compiled pattern; raises ``re2.error``. ``\\uXXXX``, which RE2 lacks, is read as the character."""
    return re2.compile(_plain(pattern))


def _plain(pattern: str) -> str:
    head, *rest = pattern.split("\\u")
    return head + "".join(chr(int(part[:4], 16)) + part[4:] for part in rest)


def searcher(patterns: Mapping[str, str]) -> tuple[Callable[[str, str | None], bool | None], Callable[[str, str | None], tuple[str, ...]]]:
    """Return the two functions of the language: search (true, false, unknown) and captures of the first group."""
    ready = {name: compiled(pattern) for name, pattern in patterns.items()}

    def find(name: str) -> Any:
        return ready[name] if name in ready else compiled(name[1:])

    def search(name: str, text: str | None) -> bool | None:
        return None if text is None else find(name).search(text) is not None

    def captures(name: str, text: str | None) -> tuple[str, ...]:
        if text is None:
            return ()
        return tuple(dict.fromkeys(match[1] for match in find(name).finditer(text)))

    return search, captures
