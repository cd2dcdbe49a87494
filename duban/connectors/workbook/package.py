"""An xlsx file as the zip of parts that it is: find a sheet's part, replace parts, keep every other byte of content.

openpyxl cannot be used for writing: it loses images, charts, pivot tables and macros, and drops the cached results of
formulas, so that the next read would find those cells empty.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import NamedTuple
from xml.parsers.expat import ExpatError, ParserCreate, XMLParserType

from duban.errors import Rejected

WORKBOOK_TYPE = "/officeDocument"
STYLES_TYPE = "/styles"
_StartHandler = Callable[[str, dict[str, str]], None]


class Part(NamedTuple):
    """One related part of the package: its relation's id and type, and its name in the zip."""

    id: str
    type: str
    name: str


class Package:
    """The parts of one xlsx file."""

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        try:
            self._zip = zipfile.ZipFile(BytesIO(data))
            self.names = frozenset(self._zip.namelist())
            self.workbook = next(part.name for part in self._related("") if part.type.endswith(WORKBOOK_TYPE))
        except (zipfile.BadZipFile, KeyError, StopIteration):
            raise Rejected(f"{name} is no xlsx workbook (or it has a password); save it as a plain xlsx") from None

    def read(self, name: str) -> bytes:
        """Return one part; ``KeyError`` when there is none of this name."""
        return self._zip.read(name)

    def parts(self) -> tuple[Part, ...]:
        """Return the parts that the workbook itself refers to."""
        return self._related(self.workbook)

    def sheets(self) -> dict[str, str]:
        """Return the worksheets in their order: name -> part."""
        related = {part.id: part.name for part in self.parts() if part.type.endswith("/worksheet")}
        found: dict[str, str] = {}

        def start(tag: str, attributes: dict[str, str]) -> None:
            if local_name(tag) == "sheet":
                id_ = next((value for key, value in attributes.items() if key.endswith(":id")), "")
                if id_ in related:
                    found[attributes["name"]] = related[id_]

        self.parse(self.workbook, start)
        return found

    def parse(self, name: str, start: _StartHandler) -> None:
        """Walk through a part's elements."""
        parser = self.parser()
        parser.StartElementHandler = start
        run(parser, self.read(name), self.name)

    def parser(self) -> XMLParserType:
        """Return a parser that refuses document types: a workbook has none, an attack on the parser does."""
        parser = ParserCreate()

        def refuse(*_: object) -> None:
            raise Rejected(f"{self.name} holds a document type declaration; such a file is not read")

        parser.StartDoctypeDeclHandler = refuse
        return parser

    def replaced(self, parts: Mapping[str, bytes]) -> bytes:
        """Return the file with some parts replaced; the others keep their content, order, dates and compression."""
        out = BytesIO()
        with zipfile.ZipFile(out, "w") as target:
            target.comment = self._zip.comment
            for info in self._zip.infolist():
                data = parts.get(info.filename)
                target.writestr(info, self._zip.read(info) if data is None else data, compress_type=info.compress_type)
        return out.getvalue()

    def _related(self, name: str) -> tuple[Part, ...]:
        folder, base = posixpath.split(name)
        found: list[Part] = []

        def start(tag: str, attributes: dict[str, str]) -> None:
            if local_name(tag) == "Relationship" and attributes.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, attributes["Target"])).lstrip("/")
                found.append(Part(attributes["Id"], attributes["Type"], target))

        self.parse(posixpath.join(folder, "_rels", f"{base}.rels"), start)
        return tuple(found)


def run(parser: XMLParserType, data: bytes, name: str) -> None:
    """Parse a whole part; raises ``Rejected`` when it is no XML."""
    try:
        parser.Parse(data, True)
    except ExpatError as error:
        raise Rejected(f"{name} is damaged ({error}); open it in a spreadsheet program and save it again") from None


def local_name(tag: str) -> str:
    """Return an element's name without its prefix."""
    return tag.rpartition(":")[2]
