"""An xlsx file as other programs write them: unlike openpyxl's and Excel's in every way that the standard allows.

A namespace prefix, rows and cells without addresses, ``spans``, a wrong dimension, results of formulas (a date, an
empty text, none at all, an error), an unused namespace, styles without number formats, relations with absolute targets.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
RELS = "application/vnd.openxmlformats-package.relationships+xml"


def _text(text: str, address: str = "") -> str:
    return f'<x:c {address}t="inlineStr"><x:is><x:t>{text}</x:t></x:is></x:c>'


HEADINGS = "".join(map(_text, ("任务编号", "截止日期", "交付标准", "预警内容", "预警时间")))
SHEET = f"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<x:worksheet xmlns:x="{MAIN}" xmlns:unused="urn:x"><x:dimension ref="A1"/>
<x:cols><x:col min="4" max="6" style="1"/></x:cols><x:sheetData>
<x:row spans="1:4">{HEADINGS}</x:row>
<x:row spans="1:3">{_text("A")}<x:c s="1"><x:f>TODAY()-1</x:f><x:v>45497</x:v></x:c>
<x:c t="str"><x:f>IF(1,"","")</x:f><x:v></x:v></x:c></x:row>
<x:row r="5">{_text("B", 'r="A5" ')}<x:c r="B5" s="1"><x:f>B2+1</x:f></x:c>
<x:c r="C5" t="e"><x:f>1/0</x:f><x:v>#DIV/0!</x:v></x:c><x:c r="E5"/></x:row>
</x:sheetData></x:worksheet>"""
STYLES = f"""<styleSheet xmlns="{MAIN}"><fonts count="1"><font/></fonts>
<fills count="1"><fill><patternFill/></fill></fills><borders count="1"><border/></borders>
<cellStyleXfs count="1"><xf/></cellStyleXfs>
<cellXfs count='2'><xf numFmtId="0" fontId="0"/><xf numFmtId="14" fontId="0"><alignment wrapText="1"/></xf></cellXfs>
</styleSheet>"""
TYPES = f"""<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" ContentType="{RELS}"/>
<Override PartName="/xl/w.xml" ContentType="{KIND}.sheet.main+xml"/>
<Override PartName="/xl/ws/s.xml" ContentType="{KIND}.worksheet+xml"/>
<Override PartName="/xl/styles.xml" ContentType="{KIND}.styles+xml"/></Types>"""


def foreign_book(path: Path, *, date1904: str = "0") -> None:
    """Write the file; its rows A and B stand in lines 2 and 5."""
    relations = f'<Relationships xmlns="{PACKAGE}/relationships">{{}}</Relationships>'
    relation = f'<Relationship Id="{{}}" Type="{OFFICE}/{{}}" Target="{{}}"/>'
    sheet, styles = relation.format("r1", "worksheet", "ws/s.xml"), relation.format("r2", "styles", "styles.xml")
    workbook = (
        f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><workbookPr date1904="{date1904}"/>'
        '<sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets><calcPr calcId="1"/></workbook>'
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("[Content_Types].xml", TYPES)
        file.writestr("_rels/.rels", relations.format(relation.format("r1", "officeDocument", "/xl/w.xml")))
        file.writestr("xl/_rels/w.xml.rels", relations.format(sheet + styles))
        file.writestr("xl/w.xml", workbook)
        file.writestr("xl/ws/s.xml", SHEET)
        file.writestr("xl/styles.xml", STYLES)
