"""Whatever an item holds comes back from its stored form, and its hash tells every difference."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duban.item import KINDS, Item, Person, Ref, places_of
from duban.sync.ledger.codec import (
    Decoder,
    cells_of,
    day_text,
    instant_text,
    item_hash,
    json_text,
    plain,
    same_cells,
)  # fmt: skip

ZONES = [ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin"), UTC]
TEXT = st.text(st.characters(), max_size=12)  # with NUL, broken surrogates and everything else
INSTANT = st.builds(
    lambda naive, zone, fold: naive.replace(tzinfo=zone, fold=fold),
    st.datetimes(min_value=datetime(1902, 1, 1), max_value=datetime(9998, 1, 1)),  # noqa: DTZ001
    st.sampled_from(ZONES),
    st.sampled_from([0, 1]),
)
VALUE = st.one_of(
    st.none(), TEXT, st.floats(allow_nan=False), st.dates(), INSTANT,
    st.lists(TEXT, min_size=1, max_size=3).map(tuple),
    st.lists(st.builds(Person, TEXT, TEXT), min_size=1, max_size=3).map(tuple),
)  # fmt: skip


@st.composite
def items(draw: st.DrawFn) -> Item:
    kind = draw(st.sampled_from(KINDS))
    values: list[Any] = [None] * len(places_of(kind))
    for place in draw(st.lists(st.integers(0, len(values) - 1), max_size=8)):
        values[place] = draw(VALUE)
    own = draw(st.dictionaries(TEXT, VALUE, max_size=3))
    bad = draw(st.dictionaries(TEXT, TEXT, max_size=2))
    return Item(Ref("s", "t", "r"), kind, tuple(values), tuple(own.items()), tuple(bad.items()), draw(st.none() | TEXT))


def stored(item: Item) -> tuple[str, str, str]:
    return json_text(cells_of(item)), json_text(dict(item.own)), json_text(dict(item.bad))


@settings(max_examples=300, deadline=None)
@given(items(), st.sampled_from(ZONES))
def test_an_item_comes_back(item: Item, zone: Any) -> None:
    texts = stored(item)
    for text in texts:
        assert "\0" not in text  # PostgreSQL takes no NUL
        text.encode()  # and nobody takes broken surrogates
    back = Decoder(zone).item(item.ref, item.kind, texts, item.url)
    assert back == item
    assert [type(v) for v in back.values] == [type(v) for v in item.values]
    for was, is_ in zip(item.values, back.values, strict=True):
        if isinstance(was, datetime) and isinstance(is_, datetime):
            assert (is_.timestamp(), is_.tzinfo) == (was.timestamp(), zone)
    assert item_hash(back._replace(values=item.values, own=item.own)) == item_hash(item)


@settings(max_examples=200, deadline=None)
@given(items(), items())
def test_different_items_have_different_hashes(one: Item, two: Item) -> None:
    same = stored(one) == stored(two) and one.kind == two.kind and one.url == two.url
    assert (item_hash(one) == item_hash(two)) == same


@given(INSTANT, INSTANT)
def test_instants_sort_as_text_and_come_back(one: datetime, two: datetime) -> None:
    texts = [str(instant_text(instant)) for instant in (one, two)]
    assert {len(text) for text in texts} == {32}
    assert (texts[0] < texts[1]) == (one.timestamp() < two.timestamp())
    back = Decoder(ZONES[0]).known_instant(texts[0])
    assert (back.timestamp(), back.tzinfo) == (one.timestamp(), ZONES[0])


def test_equal_times_are_one_object_and_never_a_different_one() -> None:
    decoder = Decoder(ZONES[1])
    early, late = (datetime(2024, 11, 3, 1, 30, fold=fold, tzinfo=ZONES[1]) for fold in (0, 1))
    assert decoder.instant(instant_text(early)) is decoder.instant(instant_text(early))
    assert decoder.known_instant(str(instant_text(late))).utcoffset() == late.utcoffset() != early.utcoffset()


def test_the_ends_of_the_calendar() -> None:
    first = datetime.min.replace(tzinfo=ZoneInfo("Asia/Shanghai"))
    item = Item(Ref("s", "t", "r"), "task", (first, datetime.max.replace(tzinfo=UTC), *[None] * 36))
    item = item._replace(values=item.values[: len(places_of("task"))])
    back = Decoder(ZoneInfo("America/New_York")).item(item.ref, "task", stored(item), None)
    assert back.values[0].utcoffset() == first.utcoffset()
    assert str(back.values[0])[:10] == "0001-01-01"


def test_a_field_of_another_release_is_left_out() -> None:
    cells = '{"title":"x","field_of_tomorrow":{"d":"2024-07-01"}}'
    back = Decoder(UTC).item(Ref("s", "t", "r"), "task", (cells, "{}", "{}"), None)
    assert back.title == "x"


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x"])
def test_what_is_no_value_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="cannot hold a"):
        json_text({"x": value})


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no zone"):
        instant_text(datetime(2024, 7, 1))  # noqa: DTZ001


def test_nothing_stays_nothing() -> None:
    decoder = Decoder(UTC)
    assert instant_text(None) is None
    assert day_text(None) is None
    assert decoder.instant(None) is None
    assert decoder.day(None) is None


@given(TEXT)
def test_plain_text_is_taken_by_every_database(text: str) -> None:
    assert "\0" not in plain(text)
    plain(text).encode()
    if text.isascii() and "\0" not in text:
        assert plain(text) == text


def test_own_cells_that_hold_what_was_wanted() -> None:
    noon = datetime(2024, 7, 1, 12, tzinfo=UTC)
    seen = [("alert_at", noon.astimezone(ZONES[0])), ("lag_days", 5), ("alert_text", None), ("other", "x")]
    assert same_cells({"alert_at": noon, "lag_days": 5.0, "alert_text": None, "absent": None}, seen)
    assert not same_cells({"alert_at": noon + timedelta(seconds=1)}, seen)
    assert not same_cells({"absent": date(2024, 7, 1)}, seen)
    assert not same_cells({"lag_days": None}, seen)
