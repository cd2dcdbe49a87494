"""Chance with a seed: the days and moments near which rules change their mind."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any, TypeVar

from chinese_calendar import constants

from tests.rules.oracle.days import Calendar

T = TypeVar("T")
# Days around which Chinese holidays and make-up workdays, year ends and the end of the data lie.
ANCHORS = (
    "2019-01-02", "2019-02-01", "2019-04-27", "2019-05-05", "2019-09-29", "2019-12-30", "2020-01-20", "2020-01-31",
    "2020-05-08", "2020-06-28", "2020-09-27", "2021-02-07", "2021-02-20", "2021-05-08", "2021-09-18", "2021-12-31",
    "2022-01-29", "2022-04-02", "2022-10-08", "2022-12-30", "2023-01-28", "2023-04-23", "2023-06-25", "2023-10-07",
    "2024-02-04", "2024-02-09", "2024-02-18", "2024-04-28", "2024-07-24", "2024-07-19", "2024-09-14", "2024-09-29",
    "2024-10-12", "2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11", "2026-01-04", "2026-02-14",
    "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10", "2026-12-24", "2026-12-31", "2027-01-04", "2027-05-01",
)  # fmt: skip
HOURS = ("00:00", "00:01", "08:59", "09:00", "09:30", "11:59", "12:00", "12:30", "13:00", "14:00", "16:30", "17:59",
         "18:00", "18:01", "20:00", "23:59")  # fmt: skip
MINUTE = timedelta(minutes=1)


@cache
def china() -> Calendar:
    """The State Council's lists of 2019 to 2026, from the package chinesecalendar."""
    years = frozenset(range(2019, 2027))
    return Calendar(
        frozenset(day for day in constants.holidays if day.year in years and day.weekday() < 5),
        frozenset(day for day in constants.workdays if day.year in years and day.weekday() >= 5),
        years,
    )


@cache
def one_year(year: int) -> Calendar:
    """The same, with data for a single year."""
    known = china()
    return Calendar(
        frozenset(day for day in known.holidays if day.year == year),
        frozenset(day for day in known.makeups if day.year == year),
        frozenset({year}),
    )


class Chance:
    """A seeded source of choices about a company at a moment."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def often(self, share: float) -> bool:
        return self.random.random() < share

    def one(self, of: Sequence[T]) -> T:
        return self.random.choice(of)

    def some(self, of: Sequence[T], share: float = 0.5) -> tuple[T, ...]:
        return tuple(each for each in of if self.often(share))

    def few(self, of: Sequence[T], most: int) -> tuple[T, ...]:
        return tuple(self.random.sample(of, self.random.randint(1, min(most, len(of)))))

    def first_day(self) -> date:
        day = date.fromisoformat(self.one(ANCHORS))
        return day + timedelta(days=self.random.randint(-9, 9))

    def at(self, day: date) -> datetime:
        """A moment of a day, most often one at which something ends or begins."""
        if self.often(0.7):
            return datetime.combine(day, time.fromisoformat(self.one(HOURS)))
        return datetime.combine(day, time(self.random.randint(0, 23), self.random.randint(0, 59)))

    def day_near(self, now: datetime, back: int = 9, ahead: int = 7) -> date:
        """A day near now; the nearest are the likeliest."""
        width = self.one((1, 3, max(back, ahead)))
        return now.date() + timedelta(days=self.random.randint(-min(back, width), min(ahead, width)))

    def past(self, now: datetime, hours: Sequence[float]) -> datetime:
        """A moment not after now, often just so many hours and rest days ago that a clock ends about now."""
        if self.often(0.3):
            return min(self.at(self.day_near(now, ahead=0)), now)
        ago = timedelta(hours=self.one(hours), days=self.one((0, 0, 0, 1, 2, 3)))
        return now - ago + MINUTE * self.one((-1, 0, 0, 1))


def maybe(chance: Chance, share: float, value: Any) -> Any:
    """The value, or nothing."""
    return value if chance.often(share) else None
