"""The files that duban.yaml names: rules, calendars, the directory, waivers. Found and read here, judged elsewhere."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from duban.config.file import File
from duban.config.mistakes import Place, one_of
from duban.errors import Problem
from duban.yamlfile import Document

SHIPPED = ("guide",)
COUNTRIES = ("CN",)  # the only one whose make-up workdays are published as data (facts/rules-and-state section 2)
_COUNTRY = re.compile(r"[A-Za-z]{2}\Z")


class Part(NamedTuple):
    """One entry of ``rules`` or ``calendar``: a shipped name or country, or a file; with its bytes where it has any."""

    source: str | Path
    content: bytes = b""


class Files:
    """Finds the files that a configuration names; relative paths start at ``folder``.

    What cannot be found or read is in ``problems``, at the place where the file is named.
    """

    def __init__(self, document: Document, folder: Path) -> None:
        self._document, self._folder = document, folder
        self.problems: list[Problem] = []

    def rules(self, names: Any) -> tuple[Part, ...]:
        """Return the rule packs in order: shipped ones by name, others by absolute path."""
        packs = files("duban").joinpath("rules", "packs")
        parts: list[Part] = []
        for number, name in enumerate(names if isinstance(names, list | tuple) else ()):
            if not isinstance(name, str) or not name:
                continue
            if _is_path(name):
                parts.append(self.file(name, ("rules", number)))
            elif name in SHIPPED:
                parts.append(Part(name, packs.joinpath(f"{name}.yaml").read_bytes()))
            else:
                self._mistake(("rules", number), one_of(name, SHIPPED, "shipped pack (a path ends in .yaml)"))
        return tuple(parts)

    def calendar(self, entries: Any) -> tuple[Part, ...]:
        """Return the parts of the calendar in order: countries by code, files by absolute path."""
        single = isinstance(entries, str)
        parts: list[Part] = []
        for number, entry in enumerate([entries] if single else entries if isinstance(entries, list | tuple) else ()):
            place: Place = ("calendar",) if single else ("calendar", number)
            if not isinstance(entry, str) or not entry:
                continue
            if entry in COUNTRIES:
                parts.append(Part(entry))
            elif _COUNTRY.match(entry):
                known = " or ".join(COUNTRIES)
                message = f"there is no holiday data for {entry!r}; write {known}, or the path of a calendar file"
                self._mistake(place, message)
            else:
                parts.append(self.file(entry, place))
        return tuple(parts)

    def waivers(self, names: Any) -> tuple[Part, ...]:
        """Return the waivers files in order, by absolute path."""
        single = isinstance(names, str)
        entries = [names] if single else names if isinstance(names, list | tuple) else ()
        return tuple(
            self.file(name, ("waivers",) if single else ("waivers", number))
            for number, name in enumerate(entries)
            if isinstance(name, str) and name
        )

    def file(self, name: str, place: Place) -> Part:
        """Return one file with its absolute path and bytes."""
        path = located(self._folder, name)
        try:
            return Part(path, path.read_bytes())
        except FileNotFoundError:
            self._mistake(place, f"there is no file {name!r} (paths start at the folder of {self._document.path})")
        except OSError as error:
            self._mistake(place, f"the file {name!r} cannot be read: {error.strerror or 'check its rights'}")
        return Part(path)

    def _mistake(self, place: Place, message: str) -> None:
        self.problems.append(self._document.problem(place, message))


def located(folder: Path, name: str) -> Path:
    """Return the absolute path of a file that a configuration in ``folder`` names; ``~`` is the user's home."""
    try:
        return (folder / Path(name).expanduser()).resolve()
    except RuntimeError:  # no such user
        return (folder / name).resolve()


def fingerprint(file: File, parts: Iterable[Part]) -> str:
    """Return the sha256 of everything that decides what is judged and written, in hexadecimal.

    Secrets and the ledger's URL do not count: a plan stays valid when a token is renewed or the ledger moves.
    """
    said: Mapping[str, Any] = file.model_dump(mode="json", exclude={"state"})  # a Secret shows itself as ***
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode())
    for part in parts:
        digest.update(hashlib.sha256(part.content).digest())
    return digest.hexdigest()


def _is_path(name: str) -> bool:
    return "/" in name or "\\" in name or Path(name).suffix.lower() in {".yaml", ".yml"}
