"""Giving a cell a date format: a workbook's styles are a numbered list, so a new one is appended to it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format

from duban.connectors.workbook.package import Package, local_name, run
from duban.connectors.workbook.patch import Splice, splice, tag_end

DATE_FORMAT = "yyyy-mm-dd hh:mm"
_FIRST_OWN_FORMAT = 164  # lower numbers are Excel's built-in formats
_COUNT = re.compile(rb"""\scount=("[^"]*"|'[^']*')""")
_FORMAT_ID = re.compile(rb"""\s(?:numFmtId|applyNumberFormat)=("[^"]*"|'[^']*')""")


class Styles:
    """The cell styles of one workbook; :meth:`dated` may add some, :meth:`data` is the part with them."""

    def __init__(self, package: Package, part: str) -> None:
        self._data = package.read(part)
        self._formats: dict[int, str] = dict(BUILTIN_FORMATS)
        self._prefix = ""
        self._root_end = self._formats_at = self._formats_end = self._xfs_at = self._xfs_end = 0
        self._xfs: list[tuple[int, int, int]] = []  # number format, start, end
        self._added: list[bytes] = []
        self._dated: dict[int, int] = {}
        self._own_format: int | None = None
        self._walk(package)

    def dated(self, style: int) -> int:
        """Return a style like this one that shows a date: itself if it does, else an added one."""
        if style >= len(self._xfs):
            return style
        if is_date_format(self._formats.get(self._xfs[style][0], "General")):
            return style
        if style not in self._dated:
            self._dated[style] = len(self._xfs) + len(self._added)
            self._added.append(self._with_format(self._xfs[style]))
        return self._dated[style]

    def data(self) -> bytes | None:
        """Return the part with the added styles, ``None`` when nothing was added."""
        if not self._added:
            return None
        count = len(self._xfs) + len(self._added)
        splices = [
            Splice(self._xfs_at, tag_end(self._data, self._xfs_at), self._counted(self._xfs_at, count)),
            Splice(self._xfs_end, self._xfs_end, b"".join(self._added)),
        ]
        if self._own_format is not None:
            splices += self._format_splices(self._own_format)
        return splice(self._data, splices)

    # --- inside

    def _with_format(self, xf: tuple[int, int, int]) -> bytes:
        known = next((id_ for id_, code in self._formats.items() if code == DATE_FORMAT), None)
        if known is None:
            known = self._own_format = max(_FIRST_OWN_FORMAT, *(id_ + 1 for id_ in self._formats))
            self._formats[known] = DATE_FORMAT
        raw = self._data[xf[1] : xf[2]]
        head_end = tag_end(raw, 0)
        bare = _FORMAT_ID.sub(b"", raw[:head_end])
        name = len(f"<{self._prefix}xf")
        return bare[:name] + f' numFmtId="{known}" applyNumberFormat="1"'.encode() + bare[name:] + raw[head_end:]

    def _format_splices(self, id_: int) -> list[Splice]:
        entry = f'<{self._prefix}numFmt numFmtId="{id_}" formatCode="{DATE_FORMAT}"/>'.encode()
        head_end = tag_end(self._data, self._formats_at)
        whole = f'<{self._prefix}numFmts count="1">'.encode() + entry + f"</{self._prefix}numFmts>".encode()
        if not self._formats_at:  # it must be the first child
            return [Splice(self._root_end, self._root_end, whole)]
        if self._data[head_end - 2 : head_end] == b"/>":
            return [Splice(self._formats_at, head_end, whole)]
        own = sum(number not in BUILTIN_FORMATS for number in self._formats)
        head = Splice(self._formats_at, head_end, self._counted(self._formats_at, own))
        return [head, Splice(self._formats_end, self._formats_end, entry)]

    def _counted(self, start: int, count: int) -> bytes:
        bare = _COUNT.sub(b"", self._data[start : tag_end(self._data, start)])
        return bare[:-1] + f' count="{count}">'.encode()

    def _walk(self, package: Package) -> None:
        parser = package.parser()
        path: list[str] = []

        def start(tag: str, attributes: dict[str, str]) -> None:
            path.append(local_name(tag))
            if len(path) == 1:
                self._prefix = tag[: -len(path[0])]
            self._enter("/".join(path[1:]), attributes, parser.CurrentByteIndex)

        def end(_: str) -> None:
            self._leave("/".join(path[1:]), parser.CurrentByteIndex)
            path.pop()

        parser.StartElementHandler, parser.EndElementHandler = start, end
        run(parser, self._data, package.name)

    def _enter(self, path: str, attributes: Mapping[str, str], at: int) -> None:
        if not path:
            self._root_end = tag_end(self._data, at)
        elif path == "numFmts":
            self._formats_at = at
        elif path == "numFmts/numFmt":
            self._formats[int(attributes["numFmtId"])] = attributes.get("formatCode", "General")
        elif path == "cellXfs":
            self._xfs_at = at
        elif path == "cellXfs/xf":
            self._begin_xf(attributes, at)

    def _leave(self, path: str, at: int) -> None:
        if path == "cellXfs/xf":
            self._end_xf(at)
        elif path == "cellXfs":
            self._xfs_end = at
        elif path == "numFmts":
            self._formats_end = at

    def _begin_xf(self, attributes: Mapping[str, str], at: int) -> None:
        self._xfs.append((int(attributes.get("numFmtId", 0)), at, at))

    def _end_xf(self, at: int) -> None:
        format_, start, _ = self._xfs[-1]
        head = tag_end(self._data, start)
        end = head if self._data[head - 2 : head] == b"/>" else tag_end(self._data, at)
        self._xfs[-1] = (format_, start, end)
