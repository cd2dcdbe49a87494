"""The errors of duban, sorted by what their reader must do.

``str(error)`` is always the sentence that a user reads: it names the thing and the next step, and holds no secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from unicodedata import east_asian_width


class DubanError(Exception):
    """Anything that duban reports as one sentence instead of a traceback."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a file that people write: where it is, what it says there, what to do.

    ``line`` and ``column`` count from 1 (columns in characters); ``width`` is how many characters the caret covers.
    """

    path: str
    line: int
    column: int
    message: str
    source: str = ""
    width: int = 1

    def __str__(self) -> str:
        head = f"{self.path}:{self.line}:{self.column}: {self.message}"
        if not self.source:
            return head
        before, under = self.source[: self.column - 1], self.source[self.column - 1 : self.column - 1 + self.width]
        return f"{head}\n    {self.source}\n    {' ' * cells(before)}{'^' * max(1, cells(under))}"


def cells(text: str) -> int:
    """Return how many terminal cells a text takes: East Asian wide characters take two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


class ConfigError(DubanError):
    """Files that people write are wrong: all mistakes of a file at once."""

    def __init__(self, problems: Iterable[Problem] | str) -> None:
        self.problems: tuple[Problem, ...] = () if isinstance(problems, str) else tuple(problems)
        super().__init__(
            problems if isinstance(problems, str) else "\n".join(str(problem) for problem in self.problems)
        )


class StateError(DubanError):
    """The ledger cannot be read, written or imported."""


class PlanError(DubanError):
    """A saved plan cannot be applied: it is not a plan, or it was made with another configuration."""


class ConnectorError(DubanError):
    """A tool did not do what was asked. ``source`` and ``table`` say where, as far as known."""


class AuthError(ConnectorError):
    """The tool does not accept the credentials, or they lack a right. A person must act; repeating does not help."""


class Unavailable(ConnectorError):
    """The tool could not be reached or kept failing after all retries. The next cycle tries again."""


class Rejected(ConnectorError):
    """The tool refuses this request for good: a bad value, a missing column, a deleted row."""


class OutcomeUnknown(ConnectorError):
    """A write was sent and its answer was lost: it may or may not have been done. Read back before repeating."""


class SchemaChanged(ConnectorError):
    """A table, column or page iterator is no longer what it was; reading must start afresh."""


class Interrupted(DubanError):
    """The user or the system asked to stop; everything up to here is recorded."""
