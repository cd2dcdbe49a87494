"""duban.yaml -> :class:`Config`: read, replace references, validate, check against the guide and the disk.

Every step adds its problems to one list, and the list is raised once, in the order of the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from duban.config.directory import load_directory
from duban.config.file import File, Language, Limits
from duban.config.files import Files, Part, fingerprint
from duban.config.mistakes import mistakes, one_of
from duban.config.references import HIDDEN_KEYS, References
from duban.config.sources import TOOLS, resolved_sources, source_problems
from duban.config.values import admin_problems, resolved_state, value_problems
from duban.connectors.settings import AnySource, Mode, Secret, Table
from duban.errors import ConfigError, Problem
from duban.people import Directory
from duban.yamlfile import Document, nearest, read_document


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that duban.yaml says, checked and resolved. Values only; nothing is opened.

    ``rules`` and ``calendar`` keep their order: a ``str`` is a shipped pack or a country, a ``Path`` an absolute file.
    ``state`` is the ledger's SQLAlchemy URL (it may hold a password, hence :class:`Secret`). ``fingerprint`` is the
    ``config`` of a saved plan: it changes with everything that decides what is written, but not with secrets.
    """

    path: Path
    zone: ZoneInfo
    language: Language
    state: Secret
    mode: Mode
    rules: tuple[str | Path, ...]
    calendar: tuple[str | Path, ...]
    directory: Directory
    admin: tuple[str, ...]
    limits: Limits
    sources: tuple[AnySource, ...]
    fingerprint: str
    waivers: tuple[Path, ...] = ()

    def source(self, name: str) -> AnySource:
        """Return the source with this name; ``ConfigError`` with the nearest right one if there is none."""
        for source in self.sources:
            if source.name == name:
                return source
        raise ConfigError(one_of(name, [source.name for source in self.sources], "source of this configuration"))

    def table(self, source: str, table: str) -> Table:
        """Return the settings of one table by the names of its source and itself; ``ConfigError`` if unknown."""
        tables = self.source(source).tables
        for settings in tables:
            if settings.label == table:
                return settings
        raise ConfigError(one_of(table, [settings.label for settings in tables], f"table of {source}"))

    def mode_of(self, source: str, table: str) -> Mode:
        """Return the mode of one table: its own, else its source's, else the file's."""
        return self.table(source, table).mode or self.source(source).mode or self.mode


def load_config(path: str | Path, env: Mapping[str, str] | None = None) -> Config:
    """Read duban.yaml with the directory it names, and make sure that its other files are there.

    ``env`` is where ``${NAME}`` is looked up (default: the process's environment). Raises ``ConfigError`` with every
    mistake of duban.yaml and directory.yaml at once.
    """
    document = read_document(Path(path), secret_keys=HIDDEN_KEYS)
    return _Loading(document, Path(path), os.environ if env is None else env).config()


class _Loading:
    """One pass over one file; ``problems`` grows from step to step."""

    def __init__(self, document: Document, path: Path, env: Mapping[str, str]) -> None:
        self._document, self._path, self._folder = document, path, path.parent
        self._references = References(document, self._folder, env)
        self._files = Files(document, self._folder)
        self.problems: list[Problem] = []

    def config(self) -> Config:
        said = self._document.value
        if not isinstance(said, dict):
            raise ConfigError([self._document.problem((), "duban.yaml must be a mapping; begin with sources:")])
        meant = self._with_known_tools(self._references.resolve(said))
        file = self._validated(said, meant)
        self.problems += value_problems(self._document, said, meant)
        self.problems += source_problems(self._document, meant)
        rules = self._files.rules(meant.get("rules", ["guide"]))
        calendar = self._files.calendar(meant.get("calendar", "CN"))
        waivers = self._files.waivers(meant.get("waivers"))
        directory, people = self._directory(meant)
        problems = [*self._references.problems, *self.problems, *self._files.problems]
        if problems or file is None:
            raise ConfigError(_in_order(problems, self._document.path))
        return Config(
            path=self._path.resolve(),
            zone=ZoneInfo(file.timezone),
            language=file.language,
            state=Secret(resolved_state(file.state, self._folder)),
            mode=file.mode,
            rules=tuple(part.source for part in rules),
            calendar=tuple(part.source for part in calendar),
            directory=directory,
            admin=file.admin,
            limits=file.limits,
            sources=resolved_sources(file, self._folder),
            fingerprint=fingerprint(file, (*rules, *calendar, people, *waivers)),
            waivers=tuple(Path(part.source) for part in waivers),
        )

    def _with_known_tools(self, data: Any) -> Any:
        """Read a source of a misspelt tool as the one that is meant, so that its other mistakes are seen too."""
        for number, source in enumerate(data["sources"] if isinstance(data.get("sources"), list) else ()):
            tool = source.get("tool") if isinstance(source, dict) else None
            if isinstance(tool, str) and tool not in TOOLS and (near := nearest(tool, TOOLS)):
                place = ("sources", number, "tool")
                self.problems.append(self._document.problem(place, one_of(tool, TOOLS, "tool")))
                source["tool"] = near
        return data

    def _validated(self, said: Any, meant: Any) -> File | None:
        try:
            return File.model_validate(meant)
        except ValidationError as error:
            self.problems += mistakes(self._document, said, error, File)
            return None

    def _directory(self, data: Mapping[str, Any]) -> tuple[Directory, Part]:
        name = data.get("directory")
        if not isinstance(name, str) or not name:
            return Directory(), Part("")
        part = self._files.file(name, ("directory",))
        if not part.content:
            return Directory(), part
        try:
            directory = load_directory(self._folder / Path(name).expanduser())
        except ConfigError as error:
            self.problems += error.problems
            return Directory(), part
        self.problems += admin_problems(self._document, data, directory)
        return directory, part


def _in_order(problems: list[Problem], first: str) -> list[Problem]:
    """Return each problem once, in the order of the file; those of other files come last."""
    return sorted(
        dict.fromkeys(problems), key=lambda problem: (problem.path != first, problem.path, problem.line, problem.column)
    )
