"""A status cell -> one of the six canonical statuses and a flag (catalogue section 5, ``guide/statuses.yaml``).

Only exact hits count: a substring match would read 未完成 as 完成. The ambiguous statuses are looked up first and stay
unknown (STA-01) until the admin maps them in ``statuses:`` of the table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from duban.connectors.headings import plain
from duban.errors import ConfigError
from duban.item import ambiguous_statuses, statuses

CANONICAL = ("未开始", "进行中", "待审核", "已完成", "暂停", "取消")

_GAPS = re.compile(r"[\s_\-]+")
_TRAILING = "。.!！?？,，;；、:：…~ "
_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"'})
_REMEMBERED = 10_000


def normal_status(text: str) -> str:
    """Return the form in which statuses are compared: ``✅ 已完成`` and ``1-进行中`` lose their dress."""
    text = plain(text)
    if text.startswith("【") and text.endswith("】"):
        text = plain(text[1:-1])
    text = _GAPS.sub(" ", text.translate(_QUOTES).lower()).strip()
    return text.rstrip(_TRAILING) or text


class Statuses:
    """The statuses of one table: the guide's, and those that the admin adds as {canonical: [texts]}.

    An added text beats the guide, the ambiguous list included; it keeps the guide's flag when both mean the same
    status. An unknown canonical status raises ``ConfigError``.
    """

    def __init__(self, added: Mapping[str, Sequence[str]] | None = None) -> None:
        known = {normal_status(text): (canonical, flag) for text, canonical, flag in statuses()}
        self._table: dict[str, tuple[str | None, str | None]] = {**known}
        self._table.update((normal_status(text), (None, None)) for text in ambiguous_statuses())
        for canonical, texts in (added or {}).items():
            if canonical not in CANONICAL:
                raise ConfigError(f"{canonical!r} under statuses is no status; write one of {', '.join(CANONICAL)}")
            for text in texts:
                form = normal_status(text)
                before = known.get(form, (None, None))
                self._table[form] = before if before[0] == canonical else (canonical, None)
        self._read: dict[str, tuple[str | None, str | None]] = {}

    def read(self, text: str) -> tuple[str | None, str | None]:
        """Return (canonical status, flag); both ``None`` for an empty, ambiguous or unknown text."""
        answer = self._read.get(text)
        if answer is None:
            answer = self._table.get(normal_status(text), (None, None))
            if len(self._read) < _REMEMBERED:
                self._read[text] = answer
        return answer
