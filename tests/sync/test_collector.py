"""The garbage collector is asked rarely while a cycle runs, and as before afterwards."""

from __future__ import annotations

import gc

import pytest

from duban.sync.collector import calm_collector


def test_it_is_calm_inside_and_as_before_outside() -> None:
    before = gc.get_threshold()
    with calm_collector():
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_freeze_count() > 0
        with calm_collector():  # a second source's cycle, beside or inside
            pass
        assert gc.get_threshold()[0] > before[0]
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_an_error_ends_the_calm() -> None:
    before = gc.get_threshold()

    @calm_collector()
    def fails() -> None:
        raise ValueError("as it happens")

    for _ in range(2):  # a decorated function may be called again
        with pytest.raises(ValueError, match="as it happens"):
            fails()
    assert gc.get_threshold() == before
