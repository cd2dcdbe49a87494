"""Judging with everything a setup knows: the one place that hands it to ``rules``."""

from __future__ import annotations

from datetime import datetime

from duban.rules.clock import Clock
from duban.rules.evaluate import Judgement, Snapshot, judge
from duban.sync.setup import Setup


def judged(setup: Setup, snapshot: Snapshot, *, now: datetime, clocks: Clock | None = None) -> Judgement:
    """Judge a snapshot at ``now`` by the setup's rules. ``clocks``, of its calendar, may serve many judgements."""
    return judge(
        setup.book, snapshot, now=now, zone=setup.zone, clocks=clocks or Clock(setup.calendar),
        directory=setup.directory, language=setup.language,
    ).judgement()  # fmt: skip
