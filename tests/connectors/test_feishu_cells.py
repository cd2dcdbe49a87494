"""Cells of every type of Bitable in both dialects, and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from feishu_rig import ZONE

from duban.connectors.base import Cell, Column
from duban.connectors.feishu.columns import read_column
from duban.connectors.feishu.decode import Zones, decoder
from duban.connectors.feishu.encode import Unwritable, encode
from duban.item import Person

MIDNIGHT = 1_720_972_800_000  # 2024-07-15 00:00 in Shanghai
DAY = datetime(2024, 7, 15, tzinfo=ZONE)
JIA = Person("on_a", "甲")
SAME = Zones(ZONE, ZONE)


def column(kind: Any, ui_type: str = "", **about: Any) -> Column:
    return read_column({"field_id": "fld1", "field_name": "列", "type": kind, "ui_type": ui_type, "property": about})


def seg(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text} for text in texts]


PERSON = {"id": "on_a", "name": "甲", "en_name": "A", "email": "", "avatar_url": ""}
LEGACY_LINK = [
    {"record_ids": ["rec1", "rec2"], "table_id": "tbl", "text": "a,b", "text_arr": ["a", "b"], "type": "text"},
]


@pytest.mark.parametrize(
    ("about", "search", "legacy", "cell"),
    [
        (column(1), seg("你", "好"), "你好", "你好"),
        (column(1), [{"type": "mention", "text": "@甲", "token": "x"}, *seg(" 看")], "@甲 看", "@甲 看"),
        (column(1, "Email"), [{"type": "url", "text": "a@b.c", "link": "mailto:a@b.c"}], "a@b.c", "a@b.c"),
        (column(1, "Barcode"), seg("978"), "978", "978"),
        (column(1), seg(""), "", None),
        (column(2), 100, "100", 100.0),
        (column(2), 0, "0", 0.0),
        (column(2, "Currency"), 12.5, "12.5", 12.5),
        (column(2, "Rating"), 4, "4", 4.0),
        (column(2, "Progress"), 0.66, "0.66", 66.0),
        (column(2, "Number", formatter="0.0%"), 0.07, "0.07", 7.0),
        (column(2, "Progress", range_customize=True, min=0, max=50), 25, "25", 50.0),
        (column(3), "进行中", "进行中", "进行中"),
        (column(4), ["a", "b"], ["a", "b"], ("a", "b")),
        (column(4), [], [], None),
        (column(5), MIDNIGHT, MIDNIGHT, DAY),
        (column(5), MIDNIGHT, str(MIDNIGHT), DAY),
        (column(7), True, True, True),
        (column(7), False, False, False),
        (column(11), [PERSON], [PERSON], (JIA,)),
        (column(11), [{"name": "甲"}], PERSON | {"id": None}, (Person("", "甲"),)),
        (column(13), "+86138", "+86138", "+86138"),
        (column(15), {"text": "文档", "link": "https://x"}, {"text": "文档", "link": "https://x"}, "https://x"),
        (column(15), [{"type": "url", "text": "文档", "link": "https://x"}], "https://x", "https://x"),
        (column(17), [{"file_token": "f", "name": "图.png", "url": "u"}], [{"name": "图.png"}], ("图.png",)),
        (column(18), {"link_record_ids": ["rec1", "rec2"]}, LEGACY_LINK, ("rec1", "rec2")),
        (column(21), {"link_record_ids": ["rec1", "rec2"]}, ["rec1", "rec2"], ("rec1", "rec2")),
        (column(21), {"link_record_ids": []}, [], None),
        (column(20), {"type": 1, "value": seg("✅ 正常")}, seg("✅ 正常"), "✅ 正常"),
        (column(20), {"type": 2, "value": [12.0]}, [12], "12"),
        (column(20), {"type": 2, "value": 12.5}, 12.5, "12.5"),
        (column(20), {"type": 5, "value": [MIDNIGHT]}, "2024-07-15", "2024-07-15"),
        (column(20), {"type": 3, "value": ["a", "b"]}, ["a", "b"], "a, b"),
        (column(20, type={"data_type": 2}), {"type": 2, "value": [3]}, [3], 3.0),
        (column(20, type={"data_type": 5}), {"type": 5, "value": [MIDNIGHT]}, MIDNIGHT, DAY),
        (column(20, type={"data_type": 2}), {"type": 2, "value": []}, [], None),
        (column(20, formatter="0%", type={"data_type": 2}), {"type": 2, "value": [0.5]}, [0.5], 50.0),
        (column(20, type={"data_type": 2, "ui_type": "Progress"}), {"type": 2, "value": [0.57]}, "0.57", 57.0),
        (column(20, type={"data_type": 2, "ui_property": {"formatter": "0.0%"}}), {"value": [1]}, [1], 100.0),
        (column(19), {"type": 1, "value": seg("甲")}, "甲", "甲"),
        (column(22), {"full_address": "北京市", "name": "北京"}, {"name": "北京市"}, "北京市"),
        (column(23), [{"id": "oc_1", "name": "群"}], [{"id": "oc_1", "name": "群"}], "群"),
        (column(1001), MIDNIGHT, MIDNIGHT, DAY),
        (column(1002), MIDNIGHT, MIDNIGHT, DAY),
        (column(1003), [PERSON], PERSON, (JIA,)),
        (column(1004), [PERSON], PERSON, (JIA,)),
        (column(1005), "17", "17", "17"),
        (column(4242), {"text": "新"}, "新", "新"),
        (column(None), seg("旧"), "旧", "旧"),
    ],
)  # fmt: skip
def test_decoding(about: Column, search: Any, legacy: Any, cell: Cell) -> None:
    read = decoder(about, SAME)
    assert read(search) == cell
    assert read(legacy) == cell
    assert type(read(search)) is type(cell)
    assert read(None) is None


def test_a_formula_says_in_the_cell_that_it_is_a_progress_bar() -> None:
    read = decoder(column(20), SAME)
    assert read({"type": 2, "ui_type": "Progress", "value": [0.29]}) == 29.0
    assert read({"type": 2, "ui_type": "Number", "value": [0.29]}) == "0.29"
    assert read({"type": 2, "ui_type": "Progress", "value": []}) is None


def test_persons_that_a_lookup_brings_keep_their_ids() -> None:
    assert decoder(column(19), SAME)({"type": 11, "value": [PERSON]}) == (JIA,)
    assert decoder(column(19), SAME)({"type": 11, "value": []}) is None
    assert decoder(column(19), SAME)({"type": 11, "value": ["甲"]}) == "甲"



@pytest.mark.parametrize(
    ("about", "raw"),
    [
        (column(2), "很多"), (column(2), [1]), (column(2), True), (column(2), "nan"), (column(5), "昨天"),
        (column(5), 10**18), (column(5), []), (column(7), "yes"), (column(11), "甲"), (column(18), 5),
    ],
)  # fmt: skip
def test_nonsense_is_refused(about: Column, raw: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        decoder(about, SAME)(raw)


@pytest.mark.parametrize(
    ("kind", "expected", "writable", "computed"),
    [
        (1, "text", True, False), (2, "number", True, False), (3, "select", True, False),
        (4, "multi_select", True, False),
        (5, "datetime", True, False), (7, "checkbox", True, False), (11, "person", True, False),
        (13, "text", True, False),
        (15, "url", True, False), (17, "attachment", False, False), (18, "links", True, False),
        (19, "text", False, True),
        (20, "text", False, True), (21, "links", True, False), (22, "text", False, False), (23, "text", False, False),
        (24, "unknown", False, False), (1001, "created", False, False), (1002, "modified", False, False),
        (1003, "person", False, True), (1004, "person", False, True), (1005, "text", False, True),
        (3001, "unknown", False, False), (4242, "unknown", False, False),
    ],
)  # fmt: skip
def test_columns(kind: int, expected: str, writable: bool, computed: bool) -> None:
    about = column(kind)
    assert (about.type, about.writable, about.computed) == (expected, writable, computed)
    assert about.id == "fld1"


def test_options_and_percent_columns() -> None:
    assert column(3, options=[{"id": "opt1", "name": "红"}]).options == ("红",)
    assert column(2, "Progress").type == column(2, formatter="0%").type == "percent"
    assert column(2, formatter="0.00").type == "number"
    assert read_column({"field_id": "f", "field_name": "列", "type": 3, "property": None}).options == ()


RED = column(3, options=[{"name": "红"}, {"name": "黄"}])
TAGS = column(4, options=[{"name": "红"}, {"name": "黄"}])


@pytest.mark.parametrize(
    ("about", "cell", "wire"),
    [
        (column(1), "文", "文"), (column(1), None, None), (column(1), "", None), (column(2), 3.0, 3),
        (column(2), 2.5, 2.5),
        (column(2, "Progress"), 66.0, 0.66), (column(2, formatter="0%"), 7.0, 0.07), (RED, "红", "红"),
        (TAGS, ("红", "黄", "红"), ["红", "黄"]), (TAGS, (), None), (column(5), DAY, MIDNIGHT),
        (column(5), datetime(2024, 7, 14, 16, tzinfo=UTC), MIDNIGHT), (column(5), date(2024, 7, 15), MIDNIGHT),
        (column(7), False, False), (column(11), (JIA,), [{"id": "on_a"}]),
        (column(15), "https://x", {"text": "https://x", "link": "https://x"}), (column(18), ("rec1",), ["rec1"]),
    ],
)  # fmt: skip
def test_encoding(about: Column, cell: Cell, wire: Any) -> None:
    encoded = encode(about, cell, SAME)
    assert encoded == wire
    assert type(encoded) is type(wire)  # a moment must be an integer, a number not a text


@pytest.mark.parametrize(
    ("about", "cell", "words"),
    [
        (RED, "蓝", "no option 蓝"), (TAGS, ("红", "蓝"), "no option 蓝"), (column(3), "红", "no option 红"),
        (column(5), datetime(1970, 1, 20, tzinfo=UTC), "1973"), (column(5), datetime(2024, 7, 15), "zone"),  # noqa: DTZ001
        (column(5), "2024-07-15", "moments"), (column(2), float("nan"), "numbers"), (column(2), "3", "numbers"),
        (column(1), 3.0, "text"), (column(7), 1.0, "tick"), (column(11), (Person("", "甲"),), "union id"),
        (column(20), "x", "computes"), (column(1002), DAY, "cannot be written"),
        (column(17), ("f",), "cannot be written"),
        (column(18), (JIA,), "record ids"),
    ],
)  # fmt: skip
def test_what_must_not_be_sent(about: Column, cell: Any, words: str) -> None:
    with pytest.raises(Unwritable, match=words):
        encode(about, cell, SAME)


@pytest.mark.parametrize("base", ["Asia/Shanghai", "America/New_York", "Asia/Tokyo"])
def test_days_stay_days_in_a_base_of_another_zone(base: str) -> None:
    """A column that shows days holds midnight of the base's zone; people mean the day, whatever our zone is."""
    zones, shown = Zones(ZoneInfo(base), ZONE), column(5, date_formatter="yyyy/MM/dd")
    held = round(datetime(2024, 7, 20, tzinfo=ZoneInfo(base)).timestamp() * 1000)
    read = decoder(shown, zones)(held)
    assert isinstance(read, datetime)
    assert read.astimezone(ZONE).isoformat() == "2024-07-20T00:00:00+08:00"
    assert encode(shown, read, zones) == held


@pytest.mark.parametrize("formatter", ["yyyy-MM-dd HH:mm", "yyyy/MM/dd", ""])
@pytest.mark.parametrize("base", ["Asia/Shanghai", "America/New_York"])
def test_moments_survive_writing_and_reading(base: str, formatter: str) -> None:
    zones, about = Zones(ZoneInfo(base), ZONE), column(5, date_formatter=formatter)
    for hours in range(0, 24, 5):
        moment = DAY + timedelta(hours=hours, minutes=17)
        wire = encode(about, moment, zones)
        read = decoder(about, zones)(wire)
        assert isinstance(read, datetime)
        assert read == moment
        assert encode(about, read.astimezone(timezone(timedelta(hours=3))), zones) == wire
