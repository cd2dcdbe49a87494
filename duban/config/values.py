"""Single values of duban.yaml that pydantic cannot judge: the time zone, the ledger's URL, who the admins are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from duban.errors import Problem
from duban.item import Person
from duban.people import Directory
from duban.yamlfile import Document, nearest

_URL = re.compile(r"[a-z][a-z0-9]*(\+[a-z0-9_]+)?://")
_SQLITE_FILE = re.compile(r"(sqlite(?:\+\w+)?:///)([^/?:][^?]*)(\?.*)?\Z")
_PASSWORD = re.compile(r"://[^/\s:@]*:[^/\s]+@")


def value_problems(document: Document, said: Mapping[str, Any], meant: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the mistakes of single values. ``said`` is the file's own data, ``meant`` has the references replaced."""
    zone = meant.get("timezone")
    if isinstance(zone, str) and zone and not is_zone(zone):
        near = nearest(zone, available_timezones())
        hint = f"did you mean {near!r}?" if near else "write an IANA name such as Asia/Shanghai"
        yield document.problem(("timezone",), f"{said['timezone']!r} is no time zone; {hint}")
    state = meant.get("state")
    if isinstance(state, str) and state and not _URL.match(state):
        yield document.problem(("state",), "'state' must be a SQLAlchemy URL such as sqlite:///duban.db")
    elif isinstance(said.get("state"), str) and _PASSWORD.search(said["state"]):
        hint = "put the whole URL into a variable and write ${NAME}, or leave the password to PGPASSWORD"
        yield document.problem(("state",), f"a password must not stand in the file; {hint}")


def is_zone(name: str) -> bool:
    """Tell whether an IANA time zone has this name."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a folder of the database, a path out of it
        return False
    return True


def admin_problems(document: Document, data: Mapping[str, Any], directory: Directory) -> Iterator[Problem]:
    """Yield the admins whom the directory does not know: nothing could be told to them."""
    said = data.get("admin")
    names = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    for number, name in enumerate(names):
        if isinstance(name, str) and name and directory.name_of(Person("", name)) is None:
            near = nearest(name, directory.people)
            hint = f"did you mean {near!r}?" if near else "add this person to people"
            place = ("admin", number) if isinstance(said, list) else ("admin",)
            yield document.problem(place, f"the directory does not know {name!r}; {hint}")


def resolved_state(url: str, folder: Path) -> str:
    """Return the ledger's URL with the path of a sqlite file made absolute; relative ones start at ``folder``."""
    found = _SQLITE_FILE.match(url)
    if not found:
        return url
    return f"{found[1]}{(folder / found[2]).resolve()}{found[3] or ''}"
