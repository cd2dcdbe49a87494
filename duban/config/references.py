"""References in duban.yaml: ``${NAME}`` for any value, ``{file: path}`` and ``{command: [...]}`` for secrets.

A secret never stands in the file itself and never in a message: what is wrong is told by the name of the variable,
file or program, and what a program says on standard error is not repeated.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from duban.connectors.settings import SECRET_KEYS, Secret
from duban.errors import Problem
from duban.yamlfile import Document

# An application's id is no secret (the vendors show it in addresses), so it may be written down.
LITERAL_KEYS = frozenset({"app_id"})
# Keys whose literal values are never shown, misspelt or in the wrong place as they may be.
HIDDEN_KEYS = frozenset({*SECRET_KEYS - LITERAL_KEYS, "password", "secret", "api_key", "access_token"})
_WORDS = frozenset({"tool", "holds"})  # they decide how the file is read, so they stand in it

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECONDS = 10.0
_LARGEST = 1 << 16
_FORMS = "write ${NAME}, {file: path} or {command: [program, argument]}"


class References:
    """Replaces the references in a file's data by what they stand for.

    ``folder`` is where relative paths start and commands run; ``env`` is the environment. What could not be resolved
    is in ``problems``, and stands in the data as an empty secret or as the unchanged text.
    """

    def __init__(self, document: Document, folder: Path, env: Mapping[str, str]) -> None:
        self._document, self._folder, self._env = document, folder, env
        self.problems: list[Problem] = []

    def resolve(self, data: Any, location: tuple[str | int, ...] = ()) -> Any:
        """Return the data with every reference replaced; secrets become :class:`Secret`."""
        if len(location) == 3 and location[0] == "sources" and location[2] in SECRET_KEYS:
            return Secret(self._secret(data, location).strip())
        if isinstance(data, dict):
            return {key: self.resolve(value, (*location, key)) for key, value in data.items()}
        if isinstance(data, list):
            return [self.resolve(value, (*location, place)) for place, value in enumerate(data)]
        if isinstance(data, str) and "${" in data and not _WORDS & {*location[-1:]}:
            return self._text(data, location)
        return data

    def _text(self, text: str, location: tuple[str | int, ...]) -> str:
        whole = _REFERENCE.fullmatch(text)
        if whole:
            return self._variable(whole[1], location) or text
        if _REFERENCE.search(text):
            self._mistake(location, "${NAME} must be the whole value; put all of the value into the variable")
        return text

    def _secret(self, data: Any, location: tuple[str | int, ...]) -> str:
        key = location[-1]
        if isinstance(data, str) and (whole := _REFERENCE.fullmatch(data)):
            return self._variable(whole[1], location)
        if isinstance(data, dict) and set(data) == {"file"} and isinstance(data["file"], str):
            return self._file(data["file"], (*location, "file"))
        if isinstance(data, dict) and set(data) == {"command"}:
            return self._command(data["command"], (*location, "command"))
        if isinstance(data, str) and key in LITERAL_KEYS and data and "${" not in data:
            return data
        if data is None or data == "":
            self._mistake(location, f"{key!r} is empty; {_FORMS}")
        elif isinstance(data, dict):
            self._mistake(location, f"{key!r} is not one of the forms of a secret; {_FORMS}")
        else:
            self._mistake(location, f"the secret {key!r} must not stand in the file; {_FORMS}")
        return ""

    def _variable(self, name: str, location: tuple[str | int, ...]) -> str:
        value = self._env.get(name, "")
        if not value.strip():
            state = "empty" if name in self._env else "not set"
            self._mistake(location, f"the environment variable {name} is {state}; set it before duban starts")
            return ""
        return value

    def _file(self, name: str, location: tuple[str | int, ...]) -> str:
        try:
            with (self._folder / Path(name).expanduser()).open("rb") as file:
                lines = file.read(_LARGEST).decode("utf-8-sig").splitlines()
        except OSError as error:
            self._mistake(location, f"the secret's file cannot be read ({error.strerror}); check path and rights")
            return ""
        except (UnicodeDecodeError, RuntimeError, ValueError):
            self._mistake(location, "the secret's file cannot be read; it must be a UTF-8 text file with one line")
            return ""
        if not lines or not lines[0].strip():
            self._mistake(location, "the secret's file is empty; write the secret on its first line")
            return ""
        return lines[0]

    def _command(self, command: Any, location: tuple[str | int, ...]) -> str:
        if not isinstance(command, list) or not command or not all(isinstance(part, str) for part in command):
            self._mistake(location, "a command must be a list of texts: [program, argument]; no shell is used")
            return ""
        try:
            done = subprocess.run(  # noqa: S603 - the admin's own command, without a shell
                command, cwd=self._folder, env=dict(self._env), stdin=subprocess.DEVNULL,
                capture_output=True, timeout=_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            wrong = f"gave no answer within {_SECONDS:.0f} seconds; it must not ask for anything"
        except (OSError, ValueError) as error:
            wrong = f"could not be started ({getattr(error, 'strerror', None) or 'bad argument'}); check the program"
        else:
            lines = done.stdout.decode("utf-8", "replace").splitlines()
            if done.returncode == 0 and lines and lines[0].strip():
                return lines[0]
            wrong = f"ended with {done.returncode}; try it by hand" if done.returncode else "printed nothing"
        self._mistake(location, f"the command for this secret {wrong}")
        return ""

    def _mistake(self, location: tuple[str | int, ...], message: str) -> None:
        self.problems.append(self._document.problem(location, message))
