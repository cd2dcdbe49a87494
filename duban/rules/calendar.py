"""The work calendar: which days are workdays, which hours are worked, which week was completed last.

A calendar is an immutable value made of layers: Monday to Friday < a country's public holidays and make-up workdays
(调休) < calendar files laid over them in their order (spec section 3). Conventions C2, C3, C6 and C12 of the catalogue
are decided here; how time runs inside the days is ``clock``'s business.

A year without data is Monday to Friday; :meth:`Calendar.uncovered` names such years, so that the guess can be said
aloud (CFG-02). Days before 2000 and after 2100 are Monday to Friday as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import accumulate, compress, pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from unicodedata import normalize
from zoneinfo import ZoneInfo

from duban.errors import ConfigError, Problem
from duban.yamlfile import Document, Location, nearest, read_document

COUNTRIES = ("CN", "none")
FIRST_YEAR, LAST_YEAR = 2000, 2100
WEEK_ENDS_AT = time(18)  # C12: a week is completed when its last workday has reached this hour
_FIRST, _LAST = date(FIRST_YEAR, 1, 1).toordinal(), date(LAST_YEAR, 12, 31).toordinal()
_BEFORE = _FIRST - 1
_DAY = timedelta(days=1)
_WINDOW = re.compile(r"(\d{1,2}):(\d{2})\s*[-–—~]\s*(\d{1,2}):(\d{2})\Z")
_T = TypeVar("_T")
_LABEL = re.compile(r"(\d{4})-W(\d{2})\Z")


class Window(NamedTuple):
    """One stretch of working hours inside a day, in minutes after 00:00; the end (at most 1440) is not in it."""

    start: int
    end: int

    def __str__(self) -> str:
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in self)


DEFAULT_HOURS = (Window(9 * 60, 12 * 60), Window(13 * 60, 18 * 60))


class Week(NamedTuple):
    """One ISO week, Monday to Sunday. ``str(week)`` is its label, 2024-W29; weeks sort by time."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year:04}-W{self.number:02}"

    @property
    def monday(self) -> date:
        """The week's first day."""
        return date.fromisocalendar(self.year, self.number, 1)

    @property
    def sunday(self) -> date:
        """The week's last day."""
        return date.fromisocalendar(self.year, self.number, 7)


def week_of(day: date) -> Week:
    """Return the ISO week that a day lies in."""
    return Week(*day.isocalendar()[:2])


def monday_of(week: Week | str) -> date:
    """Return the Monday of a week or of its label; raises ``ValueError`` for what is no label."""
    if isinstance(week, Week):
        return week.monday
    found = _LABEL.match(week)
    if not found:
        raise ValueError(f"{week!r} is no week; write it like 2024-W29")
    return Week(int(found[1]), int(found[2])).monday


def parse_windows(texts: Sequence[str]) -> tuple[Window, ...]:
    """Return the windows written as ``09:00-12:00``, in the order of the day.

    Raises ``ValueError`` with a sentence for the first that cannot be read, ends before it starts or overlaps another,
    and when there is none. A night shift is written as two windows of the day, 00:00-06:00 and 22:00-24:00.
    """
    windows = sorted(map(_window, texts))
    if not windows:
        raise ValueError("there are no working hours; write at least one window like 09:00-12:00")
    for before, after in pairwise(windows):
        if after.start < before.end:
            raise ValueError(f"the windows {before} and {after} overlap")
    return tuple(windows)


def _window(text: str) -> Window:
    found = _WINDOW.match(normalize("NFKC", str(text)).strip())
    if not found:
        raise ValueError(f"{text!r} is no window; write it like 09:00-12:00")
    h1, m1, h2, m2 = map(int, found.groups())
    start, end = h1 * 60 + m1, h2 * 60 + m2
    if max(m1, m2) > 59 or end > 24 * 60:
        raise ValueError(f"{text!r} holds a time that no day has")
    if end <= start:
        raise ValueError(f"{text!r} ends before it starts; a night is two windows, 00:00-06:00 and 22:00-24:00")
    return Window(start, end)


@dataclass(frozen=True)
class Calendar:
    """Workdays and working hours in one zone.

    ``holidays`` are days off and ``workdays`` days worked whatever their weekday; ``years`` are those with data
    (``None``: every year, because Monday to Friday was asked for). ``hours`` hold for everybody but the departments
    that have ``departments`` hours of their own.
    """

    zone: ZoneInfo
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()
    years: frozenset[int] | None = None
    hours: tuple[Window, ...] = DEFAULT_HOURS
    departments: Mapping[str, tuple[Window, ...]] = field(default_factory=dict)
    hours_given: bool = False
    # Filled when first asked. No cached property: the interpreter looks for one in the class at every reading.
    _counts: list[int] = field(default_factory=list, init=False, repr=False, compare=False)

    # --- days

    def is_workday(self, day: date) -> bool:
        """Tell whether a day is worked (C2)."""
        number = day.toordinal()
        if _FIRST <= number <= _LAST:
            return bool(self._flags[number - _FIRST])
        return day.weekday() < 5

    def wd(self, a: date, b: date) -> int:
        """Return the number of workdays d with a < d <= b (C3); 0 when a >= b."""
        after, upto = a.toordinal(), b.toordinal()
        return self._upto(upto) - self._upto(after) if after < upto else 0

    def workdays_between(self, first: date, last: date) -> int:
        """Return the number of workdays from one day to another, both included; 0 when ``last`` is the earlier."""
        start, end = first.toordinal(), last.toordinal()
        return self._upto(end) - self._upto(start - 1) if start <= end else 0

    def next_workday(self, day: date) -> date:
        """Return the first workday after a day."""
        day = date.fromordinal(day.toordinal())  # a datetime stands for its date
        while day < date.max:
            day += _DAY
            if self.is_workday(day):
                break
        return day

    # --- years with and without data

    def covered(self, year: int) -> bool:
        """Tell whether a year has data of its own; if not, its workdays are Monday to Friday."""
        return self.years is None or year in self.years

    def uncovered(self, days: Iterable[date]) -> tuple[int, ...]:
        """Return the years of these days (dates or local times) that have no data, in order (CFG-02)."""
        return tuple(sorted(year for year in {day.year for day in days} if not self.covered(year)))

    # --- weeks

    def completed_week(self, now: datetime) -> Week:
        """Return the last completed week at an aware time: the current one once its last workday has reached 18:00,
        else the one before (C12). A week without any workday ends with its Sunday."""
        local = now.astimezone(self.zone)
        current = week_of(local)
        last = self.last_workday(current)
        if last is not None and local.replace(tzinfo=None) >= datetime.combine(last, WEEK_ENDS_AT):
            return current
        return week_of(current.monday - _DAY)

    def last_workday(self, week: Week) -> date | None:
        """Return the week's last workday, ``None`` when it has none (National Day)."""
        days = (week.sunday - timedelta(days=back) for back in range(7))
        return next(filter(self.is_workday, days), None)

    def workdays_in_week(self, week: Week) -> int:
        """Return how many days of the week are worked, 0 to 7."""
        return self.workdays_between(week.monday, week.sunday)

    # --- hours

    def windows(self, department: str | None = None) -> tuple[Window, ...]:
        """Return the working hours of a department (by its name in the directory), else those of everybody."""
        return self.departments.get(department or "", self.hours)

    def with_default_hours(self, hours: Sequence[str]) -> Calendar:
        """Return this calendar with a rules pack's ``work_windows``, unless a calendar file says other hours.

        Raises ``ValueError`` like :func:`parse_windows`.
        """
        windows = parse_windows(hours)
        return self if self.hours_given else replace(self, hours=windows)

    # --- the day index

    def workday_numbers(self) -> Iterable[int]:
        """Return the ordinals (``date.toordinal``) of all workdays of the years 2000 to 2100, in order."""
        return compress(range(_FIRST, _LAST + 1), self._flags)

    @cached_property
    def _flags(self) -> bytearray:
        flags = bytearray((number + 6) % 7 < 5 for number in range(_FIRST, _LAST + 1))  # ordinal 1 is a Monday
        for days, flag in ((self.holidays, 0), (self.workdays, 1)):
            for day in days:
                if FIRST_YEAR <= day.year <= LAST_YEAR:
                    flags[day.toordinal() - _FIRST] = flag
        return flags

    def day_index(self) -> tuple[Sequence[int], int]:
        """Return how many workdays there are up to each day, from the year 1 on, and the ordinal of the first entry:
        the day before the years 2000 to 2100."""
        return self._counts or self._counted(), _BEFORE

    def _counted(self) -> list[int]:
        """Workdays from the year 1 on, up to the day before each of the years 2000 to 2100 and the last of them."""
        self._counts[:] = accumulate(self._flags, initial=_mondays_to_fridays(_BEFORE))
        return self._counts

    def _upto(self, number: int) -> int:
        """How many workdays there are up to a day's ordinal, from the year 1 on."""
        if number < _FIRST:
            return _mondays_to_fridays(number)
        if number <= _LAST:
            return (self._counts or self._counted())[number - _BEFORE]
        return (self._counts or self._counted())[-1] + _mondays_to_fridays(number) - _mondays_to_fridays(_LAST)


def _mondays_to_fridays(number: int) -> int:
    weeks, rest = divmod(number, 7)
    return weeks * 5 + min(rest, 5)


# --- loading


class _Layers:
    """What the layers say so far, each over the one before, and the mistakes found on the way."""

    def __init__(self) -> None:
        self.days: dict[date, bool] = {}
        self.years: set[int] = set()
        self.hours: tuple[Window, ...] | None = None
        self.departments: dict[str, tuple[Window, ...]] = {}
        self.problems: list[Problem] = []


def load_calendar(
    parts: Sequence[str | Path], zone: ZoneInfo, departments: Mapping[str, str] | None = None
) -> Calendar:
    """Build the calendar of ``calendar:`` in duban.yaml: a country (``CN``, or ``none`` for plain Monday to Friday)
    and paths of calendar files, later files over earlier ones. The country lies below all files wherever it stands.
    ``departments`` are the directory's (any name or alias, case-folded -> name): hours of another are a mistake.

    Raises ``ConfigError`` with all mistakes of all files, and for a part that is neither.
    """
    countries = [str(part) for part in parts if str(part) in COUNTRIES]
    if len(countries) > 1:
        raise ConfigError(f"a calendar has one country, not {' and '.join(countries)}; remove all but one")
    layers = _Layers()
    if countries == ["CN"]:
        _lay_china(layers)
    for part in parts:
        if str(part) not in COUNTRIES:
            _lay_file(layers, Path(part), departments or {})
    if layers.problems:
        raise ConfigError(layers.problems)
    return Calendar(
        zone,
        holidays=frozenset(day for day, worked in layers.days.items() if not worked),
        workdays=frozenset(day for day, worked in layers.days.items() if worked),
        years=None if countries == ["none"] else frozenset(layers.years),
        hours=layers.hours or DEFAULT_HOURS,
        departments=layers.departments,
        hours_given=layers.hours is not None,
    )


def _lay_china(layers: _Layers) -> None:
    """The State Council's lists. The package's own ``is_workday`` looks for the first and last year at every call, so
    its tables are read once. A year counts as covered when its National Day is known, not when only a New Year's
    holiday reaches into it."""
    from chinese_calendar import constants  # noqa: PLC0415 - the tables of 22 years are loaded only when CN is asked for

    layers.days.update(dict.fromkeys(constants.holidays, False))
    layers.days.update(dict.fromkeys(constants.workdays, True))
    layers.years.update(day.year for day in constants.holidays if day.month == 10)


def _lay_file(layers: _Layers, path: Path, departments: Mapping[str, str]) -> None:
    if not path.exists() and not path.suffix:
        wanted = ", ".join(COUNTRIES)
        raise ConfigError(f"{str(path)!r} is neither a country that duban knows ({wanted}) nor a calendar file")
    _CalendarFile(read_document(path), layers, departments).lay()


class _CalendarFile:
    """Reads one calendar file into the layers; every mistake becomes a problem at its place."""

    def __init__(self, document: Document, layers: _Layers, departments: Mapping[str, str]) -> None:
        self.document, self.layers, self.departments = document, layers, departments

    def lay(self) -> None:
        file = self._mapping((), self.document.value, known=("years", "hours", "departments"))
        for text, lists in self._mapping(("years",), file.get("years")).items():
            self._year(text, lists)
        if "hours" in file:
            self.layers.hours = self._windows(("hours",), file["hours"]) or ()
        for name, entry in self._mapping(("departments",), file.get("departments")).items():
            own = self._mapping(("departments", name), entry, known=("hours",))
            if "hours" in own:
                windows = self._windows(("departments", name, "hours"), own["hours"])
                self.layers.departments[self._department(name)] = windows or ()

    def _department(self, name: str) -> str:
        """The directory's name of a department; one that it lacks would have hours that nobody keeps."""
        known = self.departments.get(name.strip().casefold())
        if known is None and self.departments:
            near = nearest(name, sorted(set(self.departments.values())))
            hint = f"; did you mean {near!r}?" if near else ""
            self._mistake(("departments", name), f"the directory has no department {name!r}{hint}", on_key=True)
        return known or name

    def _year(self, text: str, lists: Any) -> None:
        at = ("years", text)
        if not re.fullmatch(r"\d{4}", text) or not FIRST_YEAR <= int(text) <= LAST_YEAR:
            self._mistake(at, f"{text!r} is no year from {FIRST_YEAR} to {LAST_YEAR}", on_key=True)
            return
        seen: dict[date, str] = {}
        for key, days in self._mapping(at, lists, known=("holidays", "workdays")).items():
            if not isinstance(days, list):
                if days is not None:
                    self._mistake((*at, key), f"{key} must be a list of days, like [2024-05-01, 2024-05-02]")
                continue
            for place, day in enumerate(days):
                self._day((*at, key, place), day, seen)
        if seen:  # a year without a single day is no data: it stays one that is guessed, and said so
            self.layers.years.add(int(text))

    def _day(self, at: tuple[str | int, ...], text: Any, seen: dict[date, str]) -> None:
        _, year, key, _ = at
        try:
            day = date.fromisoformat(text)
        except (TypeError, ValueError):
            self._mistake(at, f"{text!r} is no day; write it like {year}-05-01")
            return
        if day.year != int(year):
            self._mistake(at, f"{day} is a date of another year than {year}")
        elif day in seen:
            other = "twice" if seen[day] == key else "both as a holiday and as a workday"
            self._mistake(at, f"{day} is listed {other}")
        else:
            seen[day] = str(key)
            self.layers.days[day] = key == "workdays"

    def _windows(self, at: Location, texts: Any) -> tuple[Window, ...] | None:
        if not isinstance(texts, list):
            self._mistake(at, 'hours must be a list of windows, like ["09:00-12:00", "13:00-18:00"]')
            return None
        sound = [self._reading((*at, place), _window, text) for place, text in enumerate(texts)]
        return self._reading(at, parse_windows, texts) if None not in sound else None

    def _reading(self, at: Location, read: Callable[[Any], _T], value: Any) -> _T | None:
        try:
            return read(value)
        except ValueError as error:
            self._mistake(at, str(error))
            return None

    def _mapping(self, at: Location, value: Any, known: Sequence[str] | None = None) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._mistake(at, f"here must stand keys with values{': ' + ', '.join(known) if known else ''}")
            return {}
        unknown = [key for key in value if known is not None and key not in known]
        for key in unknown:
            near = nearest(key, known or ())
            hint = f"; did you mean {near!r}?" if near else f"; known are {', '.join(known or ())}"
            self._mistake((*at, key), f"unknown key {key!r}{hint}", on_key=True)
        return {key: item for key, item in value.items() if key not in unknown}

    def _mistake(self, at: Location, message: str, *, on_key: bool = False) -> None:
        self.layers.problems.append(self.document.problem(at, message, on_key=on_key))
