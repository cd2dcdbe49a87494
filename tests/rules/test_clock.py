"""The clocks against the answer key's vectors and against a minute-by-minute count.

``DUBAN_CASES=100000 pytest tests/rules/test_clock.py`` counts as many random cases as the specification promises, in
each mode; those of a mode are spread over Shanghai and three worlds with daylight saving. Whole lives of clocks, with
pauses that the engine saw and items that were opened again, are in ``test_clock_lives``.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from duban.rules.calendar import Calendar, load_calendar, parse_windows
from duban.rules.clock import MODES, Clock, Mode, Segment

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
CASES = int(os.environ.get("DUBAN_CASES", "2000"))  # of each mode
CLOCK = Clock(load_calendar(["CN"], SHANGHAI))
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


# --- the answer key


@pytest.mark.parametrize(
    ("start", "hours", "wall", "workday24", "workhours"),
    [  # key.yaml clock_vectors
        ("2024-07-24 08:15", 2, "2024-07-24 10:15", "2024-07-24 10:15", "2024-07-24 11:00"),
        ("2024-07-23 16:30", 2, "2024-07-23 18:30", "2024-07-23 18:30", "2024-07-24 09:30"),
        ("2024-07-19 23:00", 2, "2024-07-20 01:00", "2024-07-22 01:00", "2024-07-22 11:00"),
        ("2024-07-19 17:00", 24, "2024-07-20 17:00", "2024-07-22 17:00", "2024-07-24 17:00"),
        ("2024-07-22 09:00", 48, "2024-07-24 09:00", "2024-07-24 09:00", "2024-07-29 18:00"),
        ("2024-09-14 11:00", 24, "2024-09-15 11:00", "2024-09-18 11:00", "2024-09-20 11:00"),
        ("2024-09-29 18:30", 24, "2024-09-30 18:30", "2024-09-30 18:30", "2024-10-09 18:00"),
        ("2024-02-09 15:00", 48, "2024-02-11 15:00", "2024-02-19 15:00", "2024-02-23 15:00"),
        # the deadlines that key.yaml works out in words: RD-04, RD-06 (notice, then escalation)
        ("2024-07-19 09:00", 48, "2024-07-21 09:00", "2024-07-23 09:00", "2024-07-26 18:00"),
        ("2024-07-19 09:00", 24, "2024-07-20 09:00", "2024-07-22 09:00", "2024-07-23 18:00"),
    ],
)
def test_clock_vectors(start: str, hours: int, wall: str, workday24: str, workhours: str) -> None:
    for mode, expected in zip(MODES, (wall, workday24, workhours), strict=True):
        deadline = CLOCK.deadline(at(start), hours * HOUR, mode)
        assert deadline == at(expected), mode
        assert deadline.tzinfo is SHANGHAI
        assert CLOCK.elapsed(at(start), deadline, mode) == hours * HOUR


def test_a_start_on_a_rest_day_counts_from_the_next_workday() -> None:
    saturday = at("2024-07-20 15:00")
    assert CLOCK.deadline(saturday, 24 * HOUR, "workday24") == at("2024-07-23 00:00")  # the end of Monday
    assert CLOCK.deadline(saturday, 25 * HOUR, "workday24") == at("2024-07-23 01:00")
    assert CLOCK.deadline(saturday, 48 * HOUR, "wall") == at("2024-07-22 15:00")


def test_a_deadline_on_the_end_of_a_day_or_window_is_that_instant() -> None:
    friday = at("2024-07-19 00:00")
    assert CLOCK.deadline(friday, 24 * HOUR, "workday24") == at("2024-07-20 00:00")  # and not Monday 00:00
    assert CLOCK.deadline(at("2024-07-19 09:00"), 8 * HOUR, "workhours") == at("2024-07-19 18:00")
    assert CLOCK.deadline(at("2024-07-19 09:00"), 3 * HOUR, "workhours") == at("2024-07-19 12:00")


def test_departments_count_their_own_hours() -> None:
    calendar = Calendar(SHANGHAI, departments={"客服部": parse_windows(["08:00-12:00", "18:00-24:00"])})
    clock = Clock(calendar)
    start = at("2024-07-24 11:00")
    assert clock.deadline(start, 2 * HOUR, "workhours") == at("2024-07-24 14:00")
    assert clock.deadline(start, 2 * HOUR, "workhours", "客服部") == at("2024-07-24 19:00")
    assert clock.deadline(start, 2 * HOUR, "workhours", "市场部") == at("2024-07-24 14:00")
    assert clock.elapsed(start, at("2024-07-25 09:00"), "workhours", "客服部") == 8 * HOUR
    assert clock.deadline(start, 2 * HOUR, "workday24", "客服部") == at("2024-07-24 13:00")  # hours do not matter there


def test_remaining_is_negative_after_the_deadline() -> None:
    deadline = at("2024-07-24 09:00")
    assert CLOCK.remaining(at("2024-07-23 21:00"), deadline, "workday24") == 12 * HOUR
    assert CLOCK.remaining(deadline, deadline, "workday24") == timedelta()
    assert CLOCK.remaining(at("2024-07-24 10:30"), deadline, "workday24") == -1.5 * HOUR
    assert CLOCK.remaining(at("2024-07-22 18:00"), at("2024-07-19 18:00"), "workhours") == -8 * HOUR


def test_seconds_and_microseconds_are_kept() -> None:
    start = at("2024-07-19 17:59:59.999999")
    assert CLOCK.deadline(start, timedelta(microseconds=1), "workhours") == at("2024-07-19 18:00")
    assert CLOCK.deadline(start, timedelta(microseconds=2), "workhours") == at("2024-07-22 09:00:00.000001")
    assert CLOCK.elapsed(start, at("2024-07-22 09:00:00.5"), "workhours") == timedelta(seconds=0.500001)


def test_any_zone_may_ask() -> None:
    start, end = at("2024-07-19 17:00").astimezone(UTC), at("2024-07-22 10:00").astimezone(BERLIN)
    assert CLOCK.elapsed(start, end, "workhours") == 2 * HOUR
    assert CLOCK.deadline(start, 2 * HOUR, "workhours") == end


# --- daylight saving


def test_a_workday_has_as_many_hours_as_its_zone_gives_it() -> None:
    sundays = Calendar(BERLIN, workdays=frozenset({date(2024, 3, 31), date(2024, 10, 27)}))
    clock = Clock(sundays)
    for day, hours in (("2024-03-31", 23), ("2024-10-27", 25), ("2024-07-24", 24)):
        start = at(f"{day} 00:00", BERLIN)
        end = at(str(start.date() + timedelta(days=1)), BERLIN)
        assert clock.elapsed(start, end, "workday24") == hours * HOUR
        assert clock.elapsed(start, end, "wall") == hours * HOUR


def test_windows_inside_the_skipped_and_the_repeated_hour_follow_the_clock_on_the_wall() -> None:
    calendar = Calendar(BERLIN, workdays=frozenset({date(2024, 3, 31), date(2024, 10, 27)}))
    clock = Clock(Calendar(BERLIN, workdays=calendar.workdays, hours=parse_windows(["01:30-02:30"])))
    for day, minutes in (("2024-03-31", 30), ("2024-10-27", 90), ("2024-07-24", 60)):
        start = at(f"{day} 00:00", BERLIN)
        assert clock.elapsed(start, start + 12 * HOUR, "workhours") == minutes * MINUTE


# --- pauses


def test_a_pause_moves_the_deadline_by_what_the_clock_would_have_counted() -> None:
    start = at("2024-07-18 17:00")
    weekend = [(at("2024-07-19 12:00"), at("2024-07-22 12:00"))]
    assert CLOCK.deadline(start, 24 * HOUR, "workday24", pauses=weekend) == at("2024-07-22 17:00")
    assert CLOCK.deadline(start, 19 * HOUR, "workday24", pauses=weekend) == at("2024-07-19 12:00")  # reached before it
    assert CLOCK.elapsed(start, at("2024-07-22 17:00"), "workday24", pauses=weekend) == 24 * HOUR
    assert CLOCK.elapsed(at("2024-07-22 17:00"), start, "workday24", pauses=weekend) == -24 * HOUR


def test_pauses_may_touch_overlap_and_be_empty_in_any_order() -> None:
    start = at("2024-07-22 09:00")
    pauses = [
        (at("2024-07-22 15:00"), at("2024-07-22 16:00")),
        (at("2024-07-22 08:00"), at("2024-07-22 10:00")),  # begins before the clock does
        (at("2024-07-22 15:30"), at("2024-07-22 17:00")),
        (at("2024-07-22 14:00"), at("2024-07-22 14:00")),
        (at("2024-07-22 07:00"), at("2024-07-22 08:00")),
    ]
    assert CLOCK.deadline(start, 6 * HOUR, "wall", pauses=pauses) == at("2024-07-22 18:00")
    assert CLOCK.elapsed(start, at("2024-07-22 18:00"), "wall", pauses=pauses) == 6 * HOUR


# --- segments


def shape(segments: list[Segment]) -> list[tuple[str, str, str, float]]:
    return [
        (part.kind, f"{part.start:%m-%d %H:%M}", f"{part.end:%m-%d %H:%M}", part.counted / HOUR) for part in segments
    ]


def test_segments_of_rd_04() -> None:
    segments = CLOCK.segments(at("2024-07-19 09:00"), at("2024-07-23 09:00"), "workday24")
    assert shape(segments) == [
        ("running", "07-19 09:00", "07-20 00:00", 15.0),
        ("rest_day", "07-20 00:00", "07-22 00:00", 0.0),
        ("running", "07-22 00:00", "07-23 09:00", 33.0),
    ]


def test_segments_of_working_hours_with_a_pause() -> None:
    pause = [(at("2024-07-19 17:00"), at("2024-07-22 09:30"))]
    segments = CLOCK.segments(at("2024-07-19 11:00"), at("2024-07-22 12:30"), "workhours", pauses=pause)
    assert shape(segments) == [
        ("running", "07-19 11:00", "07-19 12:00", 1.0),
        ("off_hours", "07-19 12:00", "07-19 13:00", 0.0),
        ("running", "07-19 13:00", "07-19 17:00", 4.0),
        ("paused", "07-19 17:00", "07-22 09:30", 0.0),
        ("running", "07-22 09:30", "07-22 12:00", 2.5),
        ("off_hours", "07-22 12:00", "07-22 12:30", 0.0),
    ]
    assert CLOCK.segments(at("2024-07-22 12:30"), at("2024-07-22 12:30"), "workhours") == []


# --- readings of the zone's own clock are counted by day and minute, instants by the shifts


@pytest.mark.parametrize(
    ("key", "workday"),
    [
        ("Asia/Shanghai", None),
        ("Europe/Berlin", date(2024, 3, 31)),
        ("America/Havana", date(2024, 11, 3)),  # 00:00 to 01:00 twice
        ("America/Sao_Paulo", date(2017, 10, 15)),  # no 00:00
        ("America/Scoresbysund", date(2024, 3, 31)),  # two changes at once
        ("Australia/Lord_Howe", date(2024, 4, 7)),  # half an hour
        ("Pacific/Apia", date(2011, 12, 30)),  # a day that never was
        ("Africa/Casablanca", date(2024, 3, 10)),
    ],
)
def test_own_readings_and_instants_agree(key: str, workday: date | None) -> None:
    zone = ZoneInfo(key)
    hours = parse_windows(["00:00-00:30", "09:00-12:00", "13:00-18:00", "23:00-24:00"])
    clock = Clock(Calendar(zone, workdays=frozenset([workday] if workday else ()), hours=hours))
    dice, asked = random.Random(key), 0
    around = datetime.combine(workday or date(2024, 7, 24), datetime.min.time(), UTC)
    for number in range(1_500):
        reach = (timedelta(days=2), timedelta(days=90), timedelta(days=3_000))[number % 3]
        a, b = (around + dice.uniform(-1, 1) * reach for _ in "ab")
        mode, duration = MODES[1 + number % 2], dice.choice([HOUR, 8 * HOUR, dice.random() * reach])
        own = a.astimezone(zone), b.astimezone(zone)
        asked += own[0].astimezone(UTC) == a
        assert clock.elapsed(*own, mode) == clock.elapsed(a, b, mode), (own, mode)
        assert clock.deadline(own[0], duration, mode).astimezone(UTC) == clock.deadline(a, duration, mode).astimezone(
            UTC
        ), (own, duration, mode)
    assert asked == 1_500


# --- what people mistype


@pytest.mark.parametrize("mode", MODES)
def test_no_date_ends_a_cycle(mode: Mode) -> None:
    for zone in (SHANGHAI, BERLIN, ZoneInfo("America/New_York")):
        clock = Clock(Calendar(zone))
        for moment in (datetime.min, datetime(1924, 7, 1), datetime(2204, 7, 1), datetime.max):  # noqa: DTZ001, DTZ901
            start = moment.replace(tzinfo=zone)
            deadline = clock.deadline(start, 48 * HOUR, mode)
            assert clock.remaining(at("2024-07-24 10:00"), deadline, mode) != timedelta()
            if mode != "wall" and moment.year < 2000:
                assert deadline.year == 2000  # working clocks begin to run in 2000
    segments = CLOCK.segments(at("1995-07-01"), at("2001-07-01"), mode)
    assert sum((part.length for part in segments), timedelta()) == at("2001-07-01") - at("1995-07-01")
    assert sum((part.counted for part in segments), timedelta()) == CLOCK.elapsed(
        at("1995-07-01"), at("2001-07-01"), mode
    )


def test_wrong_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        CLOCK.elapsed(datetime(2024, 7, 1), at("2024-07-02"), "wall")  # noqa: DTZ001 - what is tested
    with pytest.raises(ValueError, match="negative"):
        CLOCK.deadline(at("2024-07-01"), -HOUR, "wall")
    with pytest.raises(ValueError, match="no clock mode 'worktime'"):
        CLOCK.deadline(at("2024-07-01"), HOUR, "worktime")  # type: ignore[arg-type]
    assert CLOCK.deadline(at("2024-07-20"), timedelta(), "workhours") == at("2024-07-20")


# --- the minute-by-minute count

SHIFTS = {
    "office": ["09:00-12:00", "13:00-18:00"],
    "night": ["00:00-06:00", "22:00-24:00"],
    "inside the clock change": ["01:30-02:30", "02:45-03:15"],
}
YEARS = (datetime(2023, 12, 1, tzinfo=UTC), datetime(2025, 1, 15, tzinfo=UTC))


class World(NamedTuple):
    """One zone and one set of hours, with every minute of a year judged on its own."""

    name: str
    clock: Clock
    minutes: dict[Mode, bytes]  # one byte a minute of YEARS: whether a clock of the mode runs in it
    workdays: bytes


def world(name: str, zone: ZoneInfo, shifts: list[str]) -> World:
    """The truth by another road than the tables: each minute's local reading, looked up in plain sets."""
    calendar = Calendar(zone, load_calendar(["CN"], zone).holidays, load_calendar(["CN"], zone).workdays)
    worked = {
        hour * 60 + minute
        for hour in range(24)
        for minute in range(60)
        if any(shift[:5] <= f"{hour:02}:{minute:02}" < shift[6:] for shift in shifts)
    }
    first, last = (int(edge.timestamp()) // 60 for edge in YEARS)
    days, hours = bytearray(), bytearray()
    for minute in range(first, last):
        local = datetime.fromtimestamp(minute * 60, zone)
        day = local.date()
        workday = day in calendar.workdays or (day.isoweekday() <= 5 and day not in calendar.holidays)
        days.append(workday)
        hours.append(workday and local.hour * 60 + local.minute in worked)
    clock = Clock(Calendar(zone, calendar.holidays, calendar.workdays, hours=parse_windows(shifts)))
    minutes: dict[Mode, bytes] = {"wall": b"\1" * len(days), "workday24": bytes(days), "workhours": bytes(hours)}
    return World(f"{zone.key}, {name}", clock, minutes, bytes(days))


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    return [
        world("office", SHANGHAI, SHIFTS["office"]),
        world("office", BERLIN, SHIFTS["office"]),
        world("inside the clock change", BERLIN, SHIFTS["inside the clock change"]),
        world("night", ZoneInfo("America/New_York"), SHIFTS["night"]),
    ]


def cases(worlds: list[World]) -> Iterator[tuple[random.Random, World, Mode, int, int, list[tuple[int, int]]]]:
    dice = random.Random(20240724)
    changes = [int((datetime(2024, 3, 31, 1, tzinfo=UTC) - YEARS[0]) / MINUTE)]  # Berlin's, where errors would hide
    changes += [int((datetime(2024, 10, 27, 1, tzinfo=UTC) - YEARS[0]) / MINUTE)]
    for number in range(CASES * len(MODES)):
        where, mode = worlds[number // len(MODES) % len(worlds)], MODES[number % len(MODES)]
        length = dice.choice([200, 3_000, 30_000])
        start = dice.randrange(360_000)
        if number % 5 == 0:
            start = dice.choice(changes) - dice.randrange(length)
        end = start + dice.randrange(length)
        edges = [sorted(dice.randrange(start - 100, end + 100) for _ in "ab") for _ in range(dice.choice([0, 0, 1, 3]))]
        yield dice, where, mode, start, end, [(lo, hi) for lo, hi in edges]


def test_the_clocks_agree_with_a_minute_by_minute_count(worlds: list[World]) -> None:
    differences: list[object] = []
    for number, (dice, where, mode, start, end, pauses) in enumerate(cases(worlds)):
        truth = bytearray(where.minutes[mode][start : start + 120_000])  # long enough for every deadline below
        for lo, hi in pauses:
            stands = slice(max(0, lo - start), max(0, hi - start))
            truth[stands] = bytes(stands.stop - stands.start)
        moments = [(YEARS[0] + lo * MINUTE, YEARS[0] + hi * MINUTE) for lo, hi in pauses]
        a, b = YEARS[0] + start * MINUTE, YEARS[0] + end * MINUTE
        counted = truth[: end - start].count(1)
        zone = where.clock.calendar.zone
        if number // 12 % 2:  # times of the calendar's own zone are counted by day and minute, others by instants
            a, b = a.astimezone(zone), b.astimezone(zone)
        if where.clock.elapsed(a, b, mode, pauses=moments) != counted * MINUTE:
            differences.append(("elapsed", where.name, mode, a, b, moments))
        wanted = dice.randint(1, 2_900)
        deadline = where.clock.deadline(a, wanted * MINUTE, mode, pauses=moments)
        a, deadline = a.astimezone(UTC), deadline.astimezone(UTC)
        place = (deadline - a) // MINUTE
        # the first instant with so many counted minutes: all of them are before it, and the last minute is one
        if truth[:place].count(1) != wanted or truth[place - 1] != 1:
            differences.append(("deadline", where.name, mode, a, wanted, deadline, moments))
    assert differences == []


def test_segments_agree_with_the_count_and_add_up(worlds: list[World]) -> None:
    kinds: set[str] = set()
    tried: set[tuple[str, Mode, bool]] = set()
    for number, (_, where, mode, start, end, pauses) in enumerate(cases(worlds)):
        if number % 7:  # no divisor of the number of worlds or modes: every pair of them comes
            continue
        tried.add((where.name, mode, bool(pauses)))
        moments = [(YEARS[0] + lo * MINUTE, YEARS[0] + hi * MINUTE) for lo, hi in pauses]
        a, b = YEARS[0] + start * MINUTE, YEARS[0] + end * MINUTE
        segments = where.clock.segments(a, b, mode, pauses=moments)
        assert sum((part.length for part in segments), timedelta()) == b - a
        assert sum((part.counted for part in segments), timedelta()) == where.clock.elapsed(a, b, mode, pauses=moments)
        edge = a
        for part in segments:
            kinds.add(part.kind)
            # in UTC: Python calls a time in a repeated hour unequal to any time of another zone (PEP 495)
            assert part.start.astimezone(UTC) == edge
            edge = part.end.astimezone(UTC)
            assert edge - part.start.astimezone(UTC) == part.length > timedelta()
            lo, hi = ((moment - YEARS[0]) // MINUTE for moment in (part.start, part.end))
            check_kind(part, where, mode, lo, hi, pauses)
        assert edge == b
    assert kinds == {"running", "paused", "rest_day", "off_hours"}
    assert len(tried) == len(worlds) * len(MODES) * 2


def check_kind(part: Segment, where: World, mode: Mode, lo: int, hi: int, pauses: list[tuple[int, int]]) -> None:
    size = hi - lo
    if part.kind == "paused":
        assert all(any(first <= minute < last for first, last in pauses) for minute in (lo, hi - 1))
    else:
        assert where.minutes[mode][lo:hi] == (b"\1" if part.kind == "running" else b"\0") * size
        if part.kind in {"rest_day", "off_hours"}:
            assert where.workdays[lo:hi] == (b"\0" if part.kind == "rest_day" else b"\1") * size
