"""The calendar against the State Council's lists, the answer key's vectors, and everything wrong that people write."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from duban.errors import ConfigError
from duban.people import Department, Directory
from duban.rules.calendar import DEFAULT_HOURS, Calendar, Week, Window, load_calendar, monday_of, parse_windows, week_of
from duban.rules.clock import Clock

SHANGHAI = ZoneInfo("Asia/Shanghai")
CN = load_calendar(["CN"], SHANGHAI)

# The State Council's notices, typed by hand and taken from no package: days off as first..last, then make-up workdays.
NOTICES = {
    2019: ("01-01 02-04..02-10 04-05..04-07 05-01..05-04 06-07..06-09 09-13..09-15 10-01..10-07",
           "02-02 02-03 04-28 05-05 09-29 10-12"),
    # Spring Festival was prolonged to 2 February by the notice of 26 January 2020
    2020: ("01-01 01-24..02-02 04-04..04-06 05-01..05-05 06-25..06-27 10-01..10-08",
           "01-19 04-26 05-09 06-28 09-27 10-10"),
    2021: ("01-01..01-03 02-11..02-17 04-03..04-05 05-01..05-05 06-12..06-14 09-19..09-21 10-01..10-07",
           "02-07 02-20 04-25 05-08 09-18 09-26 10-09"),
    2022: ("01-01..01-03 01-31..02-06 04-03..04-05 04-30..05-04 06-03..06-05 09-10..09-12 10-01..10-07",
           "01-29 01-30 04-02 04-24 05-07 10-08 10-09"),
    2023: ("01-01..01-02 01-21..01-27 04-05 04-29..05-03 06-22..06-24 09-29..10-06",
           "01-28 01-29 04-23 05-06 06-25 10-07 10-08"),
    2024: ("01-01 02-10..02-17 04-04..04-06 05-01..05-05 06-10 09-15..09-17 10-01..10-07",
           "02-04 02-18 04-07 04-28 05-11 09-14 09-29 10-12"),
    2025: ("01-01 01-28..02-04 04-04..04-06 05-01..05-05 05-31..06-02 10-01..10-08",
           "01-26 02-08 04-27 09-28 10-11"),
    2026: ("01-01..01-03 02-15..02-23 04-04..04-06 05-01..05-05 06-19..06-21 09-25..09-27 10-01..10-07",
           "01-04 02-14 02-28 05-09 09-20 10-10"),
}  # fmt: skip


def days(year: int, text: str) -> set[date]:
    found: set[date] = set()
    for part in text.split():
        first, _, last = part.partition("..")
        day, end = (date.fromisoformat(f"{year}-{edge}") for edge in (first, last or first))
        while day <= end:
            found.add(day)
            day += timedelta(days=1)
    return found


@pytest.mark.parametrize("year", NOTICES)
def test_every_day_of_the_state_councils_lists(year: int) -> None:
    off, worked = (days(year, text) for text in NOTICES[year])
    day, wrong = date(year, 1, 1), []
    while day.year == year:
        expected = day in worked or (day.weekday() < 5 and day not in off)
        if CN.is_workday(day) != expected:
            wrong.append((day, expected))
        day += timedelta(days=1)
    assert wrong == []
    assert CN.covered(year)


def test_the_days_that_others_get_wrong() -> None:
    assert CN.is_workday(date(2019, 4, 28))  # a Sunday
    assert CN.is_workday(date(2019, 5, 5))  # a Sunday
    assert not CN.is_workday(date(2019, 5, 3))
    assert CN.is_workday(date(2024, 2, 9))  # 除夕 2024 is a workday by law


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [  # key.yaml workday_vectors
        ("2024-07-24", "2024-07-24", 0),
        ("2024-07-19", "2024-07-24", 3),
        ("2024-07-12", "2024-07-24", 8),
        ("2024-09-13", "2024-09-18", 2),
        ("2024-09-26", "2024-09-30", 3),
        ("2024-09-30", "2024-10-08", 1),
        ("2024-02-08", "2024-02-19", 3),
        ("2024-05-10", "2024-05-13", 2),
        ("2024-07-24", "2024-07-19", 0),  # a later than b
    ],
)
def test_workday_vectors(a: str, b: str, expected: int) -> None:
    assert CN.wd(date.fromisoformat(a), date.fromisoformat(b)) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [  # key.yaml last_completed_week_vectors
        ("2024-07-24 10:00", "2024-W29"),
        ("2024-07-26 18:00", "2024-W30"),
        ("2024-09-14 17:00", "2024-W36"),
        ("2024-09-18 10:00", "2024-W37"),
        ("2024-07-26 17:59", "2024-W29"),
        ("2024-07-28 00:00", "2024-W30"),  # the Sunday after
        ("2024-02-04 17:59", "2024-W04"),  # a Sunday that is worked is its week's last workday
        ("2024-02-04 18:00", "2024-W05"),
        ("2024-02-16 20:00", "2024-W06"),  # 2024-W07 is worked on Sunday 02-18 only
        ("2026-02-20 20:00", "2026-W07"),  # the week of 02-16 has no workday: complete only when it is over
        ("2026-02-23 00:00", "2026-W08"),
        ("2025-01-01 09:00", "2024-W52"),  # the ISO year is not the calendar year
    ],
)
def test_last_completed_week(now: str, expected: str) -> None:
    local = datetime.fromisoformat(now).replace(tzinfo=SHANGHAI)
    assert str(CN.completed_week(local)) == expected
    assert str(CN.completed_week(local.astimezone(UTC))) == expected  # the zone of ``now`` makes no difference


def test_weeks() -> None:
    week = week_of(date(2024, 7, 17))
    assert (str(week), week.monday, week.sunday) == ("2024-W29", date(2024, 7, 15), date(2024, 7, 21))
    assert monday_of(week) == monday_of("2024-W29") == date(2024, 7, 15)
    assert CN.workdays_in_week(week) == 5
    assert CN.workdays_in_week(Week(2026, 8)) == 0  # Spring Festival
    assert CN.last_workday(Week(2026, 8)) is None
    assert CN.workdays_in_week(week_of(date(2024, 9, 29))) == 6  # with the Sunday before National Day
    assert week_of(date(2024, 12, 30)) == Week(2025, 1)
    with pytest.raises(ValueError, match="2024-29"):
        monday_of("2024-29")


def test_wd_agrees_with_counting_day_by_day_also_outside_the_index() -> None:
    dice = random.Random(7)
    for _ in range(300):
        a = date.fromordinal(dice.choice([dice.randint(1, 800_000), dice.randint(737_000, 740_000)]))
        b = a + timedelta(days=dice.randint(-20, 900))
        span = [a + timedelta(days=n) for n in range(1, (b - a).days + 1)]
        assert CN.wd(a, b) == sum(map(CN.is_workday, span))
        assert CN.workdays_between(a, b) == CN.wd(a, b) + (CN.is_workday(a) if a <= b else 0)
    first, last = date(1999, 12, 27), date(2101, 1, 7)
    span = [first + timedelta(days=n) for n in range(1, (last - first).days + 1)]
    assert CN.wd(first, last) == sum(map(CN.is_workday, span))


def test_next_workday() -> None:
    assert CN.next_workday(date(2024, 9, 30)) == date(2024, 10, 8)
    assert CN.next_workday(date(2024, 9, 13)) == date(2024, 9, 14)  # a Saturday that is worked
    assert CN.next_workday(date(2026, 2, 14)) == date(2026, 2, 24)
    assert CN.next_workday(datetime(2024, 7, 19, 23, 0, tzinfo=SHANGHAI)) == date(2024, 7, 22)
    assert CN.next_workday(date.max) == date.max


def test_years_without_data_are_named_and_not_guessed_silently() -> None:
    assert CN.uncovered([date(2024, 1, 1), date(2031, 1, 1), date(1999, 5, 5), date(2031, 2, 2)]) == (1999, 2031)
    assert not CN.covered(2031)
    assert CN.is_workday(date(2031, 10, 1))  # Monday to Friday meanwhile
    plain = load_calendar(["none"], SHANGHAI)
    assert plain.uncovered([date(2031, 1, 1)]) == ()  # Monday to Friday was asked for
    assert plain.is_workday(date(2024, 10, 1))
    assert not plain.is_workday(date(2024, 9, 29))


def write(folder: Path, text: str, name: str = "ours.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


OURS = """\
years:
  2024: {holidays: [2024-07-26, 2024-09-14], workdays: [2024-10-07]}   # own exceptions, over the country's
  2031: {holidays: [2031-10-01]}
hours: ["09:30-12:00", "13:30-18:00"]
departments:
  客服部: {hours: ["18:00-24:00", "08:00-12:00", 13:00-17:30]}
"""


def test_a_calendar_file_lies_over_the_country_wherever_the_country_stands(tmp_path: Path) -> None:
    path = write(tmp_path, OURS)
    for parts in (["CN", path], [str(path), "CN"]):
        ours = load_calendar(parts, SHANGHAI)
        assert not ours.is_workday(date(2024, 7, 26))
        assert not ours.is_workday(date(2024, 9, 14))  # a make-up workday of the country that we do not work
        assert ours.is_workday(date(2024, 10, 7))  # a holiday of the country that we work
        assert not ours.is_workday(date(2024, 10, 4))
        assert ours.covered(2031)
        assert not ours.is_workday(date(2031, 10, 1))
        assert ours.windows() == ours.windows("市场部") == (Window(570, 720), Window(810, 1080))
        assert ours.windows("客服部") == (Window(480, 720), Window(780, 1050), Window(1080, 1440))


def test_a_later_file_lies_over_an_earlier_one(tmp_path: Path) -> None:
    first = write(tmp_path, "years: {2024: {holidays: [2024-07-24, 2024-07-25]}}", "first.yaml")
    second = write(tmp_path, "years: {2024: {workdays: [2024-07-25]}}\nhours: [08:00-16:00]", "second.yaml")
    ours = load_calendar([first, second], SHANGHAI)
    assert [ours.is_workday(date(2024, 7, day)) for day in (24, 25, 26)] == [False, True, True]
    assert ours.uncovered([date(2024, 1, 1), date(2025, 1, 1)]) == (2025,)  # no country was named
    assert [str(window) for window in ours.windows()] == ["08:00-16:00"]


def test_a_packs_hours_yield_to_a_calendar_files(tmp_path: Path) -> None:
    assert CN.windows() == DEFAULT_HOURS
    assert CN.with_default_hours(["08:00-17:00"]).windows() == (Window(480, 1020),)
    ours = load_calendar([write(tmp_path, OURS)], SHANGHAI)
    assert ours.with_default_hours(["08:00-17:00"]).windows() == ours.windows()


@pytest.mark.parametrize(
    ("text", "line", "column", "expected"),
    [
        ("year: {}", 1, 1, "unknown key 'year'; did you mean 'years'?"),
        ("years: {2024: {holiday: []}}", 1, 16, "unknown key 'holiday'; did you mean 'holidays'?"),
        ("departments: {客服部: {hour: []}}", 1, 21, "unknown key 'hour'; did you mean 'hours'?"),
        ("years: {24: {holidays: []}}", 1, 9, "'24' is no year from 2000 to 2100"),
        ("years: {2199: {holidays: []}}", 1, 9, "'2199' is no year from 2000 to 2100"),
        ("years: {2024: {holidays: [2024-05-32]}}", 1, 27, "'2024-05-32' is no day; write it like 2024-05-01"),
        ("years: {2024: {holidays: [5]}}", 1, 27, "5 is no day; write it like 2024-05-01"),
        ("years: {2024: {holidays: [2025-05-01]}}", 1, 27, "2025-05-01 is a date of another year than 2024"),
        ("years: {2024: {holidays: [2024-05-01], workdays: [2024-05-01]}}", 1, 51, "as a holiday and as a workday"),
        ("years: {2024: {workdays: [2024-05-01, 2024-05-01]}}", 1, 39, "2024-05-01 is listed twice"),
        ("years: {2024: {holidays: 2024-05-01}}", 1, 26, "holidays must be a list of days"),
        ("years: [2024]", 1, 8, "here must stand keys with values"),
        ("- 2024", 1, 1, "here must stand keys with values: years, hours, departments"),
        ('hours: ["9-12"]', 1, 9, "'9-12' is no window; write it like 09:00-12:00"),
        ('hours: ["09:00-12:61"]', 1, 9, "'09:00-12:61' holds a time that no day has"),
        ('hours: ["18:00-25:00"]', 1, 9, "'18:00-25:00' holds a time that no day has"),
        ('hours: ["22:00-06:00"]', 1, 9, "'22:00-06:00' ends before it starts; a night is two windows"),
        ('hours: ["09:00-09:00"]', 1, 9, "ends before it starts"),
        ('hours: ["09:00-12:00", "11:59-18:00"]', 1, 8, "the windows 09:00-12:00 and 11:59-18:00 overlap"),
        ("hours: 09:00-12:00", 1, 8, "hours must be a list of windows"),
        ("departments: {客服部: {hours: []}}", 1, 28, "there are no working hours"),
    ],
)
def test_mistakes_show_their_place(tmp_path: Path, text: str, line: int, column: int, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_calendar(["CN", write(tmp_path, text)], SHANGHAI)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (line, column)
    assert expected in problem.message
    assert str(problem).startswith(f"{tmp_path / 'ours.yaml'}:{line}:{column}: ")


def test_all_mistakes_of_all_files_are_shown_at_once(tmp_path: Path) -> None:
    first = write(tmp_path, "hours: [8-9, 10-11]\nyears: {2024: {holidays: [x]}}", "first.yaml")
    second = write(tmp_path, "hourz: []", "second.yaml")
    with pytest.raises(ConfigError) as caught:
        load_calendar(["CN", first, second], SHANGHAI)
    assert len(caught.value.problems) == 4


def test_parts_that_are_neither_country_nor_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'China' is neither a country"):
        load_calendar(["China"], SHANGHAI)
    with pytest.raises(ConfigError, match="one country, not CN and none"):
        load_calendar(["CN", "none"], SHANGHAI)
    with pytest.raises(ConfigError, match=r"missing\.yaml:1:1: there is no such file"):
        load_calendar([tmp_path / "missing.yaml"], SHANGHAI)


def test_windows_are_read_as_people_write_them() -> None:
    assert parse_windows(["13：00～18：00", " 9:00 - 12:00 "]) == DEFAULT_HOURS  # full-width, unordered
    assert parse_windows(["00:00-24:00"]) == (Window(0, 1440),)
    with pytest.raises(ValueError, match="no working hours"):
        parse_windows([])


def test_a_calendar_is_a_value() -> None:
    assert load_calendar(["CN"], SHANGHAI) == CN
    assert Calendar(SHANGHAI) != CN
    with pytest.raises(AttributeError):
        CN.hours = ()  # type: ignore[misc]


def test_the_holiday_tables_are_loaded_only_when_asked_for() -> None:
    code = (
        "import sys; from zoneinfo import ZoneInfo; from duban.rules.calendar import load_calendar;"
        "load_calendar(['none'], ZoneInfo('UTC')); assert 'chinese_calendar' not in sys.modules;"
        "load_calendar(['CN'], ZoneInfo('UTC')); assert 'chinese_calendar' in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- departments, split days, nights


DIRECTORY = Directory({
    "客服部": Department("客服部", aliases=("Support", "客户服务")), "夜班组": Department("夜班组"), "市场部": Department("市场部"),
})  # fmt: skip


def test_hours_of_departments_are_those_of_the_directory_by_any_of_their_names(tmp_path: Path) -> None:
    path = write(tmp_path, 'departments: {support: {hours: ["08:00-12:00"]}, 夜班组: {hours: ["22:00-24:00", "00:00-06:00"]}}')
    ours = load_calendar(["CN", path], SHANGHAI, DIRECTORY.aliases)
    assert [str(window) for window in ours.windows("客服部")] == ["08:00-12:00"]
    assert [str(window) for window in ours.windows("夜班组")] == ["00:00-06:00", "22:00-24:00"]
    assert ours.windows("市场部") == DEFAULT_HOURS


def test_hours_of_a_department_that_nobody_knows_are_a_mistake(tmp_path: Path) -> None:
    path = write(tmp_path, 'departments:\n  客服: {hours: ["08:00-12:00"]}\n  采购: {hours: ["08:00-12:00"]}')
    with pytest.raises(ConfigError) as caught:
        load_calendar(["CN", path], SHANGHAI, DIRECTORY.aliases)
    first, second = caught.value.problems
    assert (first.line, first.column, first.message) == (2, 3, "the directory has no department '客服'; did you mean '客服部'?")
    assert (second.line, second.message) == (3, "the directory has no department '采购'")
    assert load_calendar(["CN", path], SHANGHAI).windows("客服") != DEFAULT_HOURS  # without a directory every name will do


def test_a_night_is_counted_over_midnight_on_workdays_only(tmp_path: Path) -> None:
    path = write(tmp_path, 'departments: {夜班组: {hours: ["22:00-24:00", "00:00-06:00"]}}')
    clock = Clock(load_calendar(["CN", path], SHANGHAI))
    friday = datetime(2024, 7, 19, 21, tzinfo=SHANGHAI)
    # Friday 22-24; Saturday and Sunday are off, their small hours too; Monday 00-06 and from 22
    assert clock.deadline(friday, timedelta(hours=8), "workhours", "夜班组") == datetime(2024, 7, 22, 6, tzinfo=SHANGHAI)
    assert clock.deadline(friday, timedelta(hours=9), "workhours", "夜班组") == datetime(2024, 7, 22, 23, tzinfo=SHANGHAI)


def test_a_year_that_lists_no_day_is_no_data(tmp_path: Path) -> None:
    ours = load_calendar(["CN", write(tmp_path, "years: {2031: , 2032: {holidays: []}, 2033: {holidays: [2033-10-03]}}")], SHANGHAI)
    assert ours.uncovered([date(year, 1, 1) for year in (2026, 2031, 2032, 2033)]) == (2031, 2032)


def test_the_country_is_known_to_its_last_year_and_the_next_is_said_to_be_guessed() -> None:
    assert CN.uncovered([date(year, 6, 1) for year in range(2003, 2027)]) == (2003,)
    later = [year for year in range(2027, 2101) if CN.covered(year)]
    assert later == list(range(2027, 2027 + len(later)))  # a newer list of the country adds years at the end, if any
    assert Calendar(SHANGHAI, years=frozenset()).uncovered([date(2024, 7, 1)]) == (2024,)
