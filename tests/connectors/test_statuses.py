"""Statuses: the vectors of the guide's answer key, and what the admin adds."""

from __future__ import annotations

import pytest

from duban.connectors.statuses import CANONICAL, Statuses, normal_status
from duban.errors import ConfigError
from duban.item import ambiguous_statuses, statuses


@pytest.mark.parametrize(("text", "canonical", "flag"), [
    ("✅ 已完成", "已完成", None),
    (" In  Progress ", "进行中", None),
    ("DONE", "已完成", None),
    ("Todo", "未开始", None),
    ("开发中", "进行中", None),
    ("待验收", "待审核", None),
    ("待处理", "未开始", None),
    ("已停滞", "暂停", None),
    ("On hold", "暂停", None),
    ("受阻", "进行中", "blocked"),
    ("Overdue", "进行中", "late_declared"),
    ("已驳回", "进行中", "rework"),
    ("Canceled", "取消", None),
    ("未完成", None, None),
    ("已关闭", None, None),
    ("", None, None),
    ("1-进行中", "进行中", None),
    ("03.待审核", "待审核", None),
    ("（二）进行中", "进行中", None),
    ("③ 已完成", "已完成", None),
    ("2️⃣ 进行中", "进行中", None),
    ("【进行中】", "进行中", None),
    ("in_progress", "进行中", None),
    ("To-Do", "未开始", None),
    ("Won’t do", "取消", None),
    ("完成√", "已完成", None),
    ("Ｄｏｎｅ！", "已完成", None),
    ("已完成。", "已完成", None),
    ("at risk", "进行中", "at_risk"),
    ("开发完了", None, None),
    ("尚未完成", None, None),
    ("Pending", None, None),
    ("🔥", None, None),
])  # fmt: skip
def test_vectors(text: str, canonical: str | None, flag: str | None) -> None:
    table = Statuses()
    assert table.read(text) == (canonical, flag)
    assert table.read(text) == (canonical, flag)  # remembered


def test_every_status_of_the_guide_is_read_as_written() -> None:
    table = Statuses()
    for text, canonical, flag in statuses():
        assert table.read(text) == (canonical, flag), text
        assert canonical in CANONICAL
    for text in ambiguous_statuses():
        assert table.read(text) == (None, None), text


def test_the_admin_adds_statuses() -> None:
    table = Statuses({"进行中": ["开发完了", "Blocked"], "已完成": ["已关闭", "✅ Closed!"], "暂停": ["受阻"]})
    assert table.read("开发完了") == ("进行中", None)
    assert table.read("blocked") == ("进行中", "blocked")  # the guide means the same and knows more
    assert table.read("已关闭") == ("已完成", None)  # the admin's word ends an ambiguity
    assert table.read("closed") == ("已完成", None)
    assert table.read("受阻") == ("暂停", None)


def test_an_unknown_canonical_status_is_an_error() -> None:
    with pytest.raises(ConfigError, match="'在做' under statuses is no status"):
        Statuses({"在做": ["x"]})


@pytest.mark.parametrize("text", ["12", "...", "1.", "一", "进行中"])
def test_nothing_is_normalised_away(text: str) -> None:
    assert normal_status(text)
