"""Who is told: roles through the directory, and who stands in for somebody who cannot be found."""

from __future__ import annotations

import pytest
from rules_world import QUIET, ZONE, at, clocks, given, guide, overlay

from duban.people import Department, Directory
from duban.rules.evaluate import judge
from duban.rules.givens import snapshot
from duban.rules.recipients import OVER, ROLES, Recipient, resolve, without_repeats
from duban.rules.sentences import recipients

DIRECTORY = Directory({
    "市场部": Department("市场部", "林晓雯", "周启航", "徐洋", ("何雨", "徐洋")),
    "研发部": Department("研发部", "陈志远", "高明", "张磊", ("张磊", "李娜"), ("R&D",)),
    "客服部": Department("客服部", "", "何静", "", ("白雪",)),  # vacant head and liaison
})  # fmt: skip
PROJECT = {"of": "project", "编号": "P1", "项目名称": "新品上市", "发起部门": "市场部", "参与部门": ["市场部", "研发部", "客服部"]}
TASK = {**QUIET, "负责部门": "研发部", "负责人": "李娜", "审批": "市场部", "验收人": None}


def context(entry, *others, book=None):
    shot = snapshot(given(entry, *(others or (PROJECT,))), {}, DIRECTORY, ZONE, None)
    judging = judge(book or guide(), shot, now=at("2024-07-24 10:00"), zone=ZONE, clocks=clocks(), directory=DIRECTORY)
    return judging.world.contexts[0]


def names(found) -> list[str]:
    return [recipient.name for recipient in found]


@pytest.mark.parametrize(("role", "people"), [
    ("owner", ["李娜"]), ("R_head", ["陈志远"]), ("A", ["林晓雯"]), ("initiator", ["徐洋"]), ("initiator_head", ["林晓雯"]),
    ("initiator_superior", ["周启航"]), ("superior", ["高明"]), ("heads", ["林晓雯", "陈志远"]), ("acceptor", ["林晓雯"]),
    ("admin", ["admin"]),
])  # fmt: skip
def test_roles_of_a_task(role, people):
    found = resolve(context(TASK), role)
    assert names(found) == people
    assert not any(recipient.why for recipient in found)


def test_every_role_is_tried_here_or_below():
    assert set(ROLES) == {
        "owner", "R_head", "A", "initiator", "initiator_head", "initiator_superior", "superior", "heads", "acceptor",
        "admin", "raiser", "submitted_to",
    }  # fmt: skip
    assert set(OVER) == {"heads", "liaisons", "superiors", "owners"}


def test_somebody_unknown_is_replaced_by_the_head_and_it_is_said():
    found = resolve(context({**TASK, "负责人": "外包小林"}), "owner")
    assert found == [Recipient("陈志远", "owner", "nobody is known as owner: R_head")]


def test_without_a_head_the_initiator_stands_in():
    found = resolve(context({**TASK, "负责人": None, "负责部门": "客服部"}), "owner")
    assert found == [Recipient("徐洋", "owner", "nobody is known as owner: initiator")]
    assert resolve(context({**TASK, "负责人": None, "负责部门": "客服部"}), "R_head") == [
        Recipient("徐洋", "R_head", "nobody is known as R_head: initiator")
    ]


def test_nobody_at_all():
    nobody = {**TASK, "负责人": None, "负责部门": None, "所属项目": "别的项目"}
    assert resolve(context(nobody), "owner") == []


def test_a_row_without_department_stands_for_its_owner_s():
    assert names(resolve(context({**TASK, "负责部门": None, "负责人": "何雨"}), "R_head")) == ["林晓雯"]
    assert names(resolve(context({**TASK, "负责部门": None, "负责人": "何雨"}), "superior")) == ["周启航"]


def test_several_departments_and_aliases():
    both = context({**TASK, "负责部门": ["R&D", "市场部"]})
    assert names(resolve(both, "R_head")) == ["陈志远", "林晓雯"]


def test_a_person_may_approve():
    assert names(resolve(context({**TASK, "审批": "张磊"}), "A")) == ["张磊"]
    assert names(resolve(context({**TASK, "审批": "张磊", "验收人": "白雪"}), "acceptor")) == ["白雪"]


@pytest.mark.parametrize(("raised_by", "people"), [("研发部", ["张磊"]), ("客服部", ["徐洋"]), ("何雨", ["何雨"])])
def test_raiser(raised_by, people):
    """The liaison; where the post is vacant and there is no head either, the fallbacks; a person stands for himself."""
    issue = {"of": "issue", "编号": "Q1", "提出部门": raised_by, "所属项目": "新品上市"}
    assert names(resolve(context(issue), "raiser")) == people


def test_a_dispute_s_superiors_are_those_of_its_parties():
    dispute = {"of": "dispute", "编号": "D1", "涉及部门": ["研发部", "客服部"], "上报对象": "上级领导", "所属项目": "新品上市"}
    found = context(dispute)
    assert names(resolve(found, "superior")) == ["高明", "何静"]
    assert names(resolve(found, "submitted_to")) == ["高明", "何静"]
    assert names(resolve(context({**dispute, "上报对象": "研发部、何雨"}), "submitted_to")) == ["陈志远", "何雨"]


def test_a_measure_s_owner_is_a_risk_s_owner():
    risk = {"of": "risk", "编号": "K1", "措施责任人": "白雪", "所属项目": "新品上市"}
    assert names(resolve(context(risk), "owner")) == ["白雪"]


def test_a_list_of_nobody_needs_nobody():
    task = context(TASK)
    assert resolve(task, "heads", ()) == []
    assert resolve(task, "owners", ()) == []
    assert names(resolve(task, "heads", ("客服部",))) == ["陈志远"]  # somebody is meant, the post is vacant
    assert names(resolve(task, "liaisons", "研发部")) == ["张磊"]
    assert names(resolve(task, "superiors", ("研发部", "客服部"))) == ["高明", "何静"]


def test_nobody_is_named_twice():
    one, two = Recipient("林晓雯", "A"), Recipient("徐洋", "initiator")
    assert without_repeats([one, two], [one], [two, Recipient("高明", "superior")]) == (
        (one, two), (), (Recipient("高明", "superior"),),
    )  # fmt: skip


def test_a_choice_of_recipients():
    book = overlay("""
rules:
  - id: TEAM-01
    name: 选择
    of: task
    test: given(code)
    level: warn
    text: x
    to:
      - if: 负责部门 == null or "研发部" in 负责部门
        then: [R_head]
        else: [initiator]
      - owners(upstream)
""")
    upstream = {**TASK, "编号": "U1", "负责人": "何雨"}

    def told(task) -> list[str]:
        found = context(task, PROJECT, upstream, book=book)
        mapped = found.table.mapped["task"]
        ready = book.table_rules("task", mapped, found.table.tool).rules["TEAM-01"]
        return names(recipients(ready.to, found, found.world))

    assert told({**TASK, "上游任务": "U1"}) == ["陈志远", "何雨"]
    assert told({**TASK, "负责部门": "市场部"}) == ["徐洋"]
