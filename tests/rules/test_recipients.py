"""Who is told: roles through the directory, and who stands in for somebody who cannot be found."""

from __future__ import annotations

import pytest
from rules_world import QUIET, ZONE, at, clocks, given, guide, overlay

from duban.item import Person
from duban.people import Contact, Department, Directory
from duban.rules.evaluate import judge
from duban.rules.givens import snapshot
from duban.rules.recipients import OVER, ROLE_NAMES, ROLES, Reason, Recipient, resolve, without_repeats
from duban.rules.sentences import recipients

DIRECTORY = Directory({
    "市场部": Department("市场部", "林晓雯", "周启航", "徐洋", ("何雨", "徐洋")),
    "研发部": Department("研发部", "陈志远", "高明", "张磊", ("张磊", "李娜"), ("R&D",)),
    "客服部": Department("客服部", "", "何静", "", ("白雪",)),  # vacant head and liaison
})  # fmt: skip
PROJECT = {"of": "project", "编号": "P1", "项目名称": "新品上市", "发起部门": "市场部", "参与部门": ["市场部", "研发部", "客服部"]}
TASK = {**QUIET, "负责部门": "研发部", "负责人": "李娜", "审批": "市场部", "验收人": None}


def context(entry, *others, book=None, directory=DIRECTORY):
    shot = snapshot(given(entry, *(others or (PROJECT,))), {}, directory, ZONE, None)
    judging = judge(book or guide(), shot, now=at("2024-07-24 10:00"), zone=ZONE, clocks=clocks(), directory=directory)
    return judging.world.contexts[0]


def names(found) -> list[str]:
    return [recipient.name for recipient in found]


def notice(entry, rule, *others, directory=DIRECTORY):
    """The message of a rule about an item."""
    shot = snapshot(given(entry, *(others or (PROJECT,))), {}, directory, ZONE, None)
    judging = judge(guide(), shot, now=at("2024-07-24 10:00"), zone=ZONE, clocks=clocks(), directory=directory)
    return next(n for n in judging.judgement().verdicts[0].notices if n.rule == rule)


@pytest.mark.parametrize(("role", "people"), [
    ("owner", ["李娜"]), ("R_head", ["陈志远"]), ("A", ["林晓雯"]), ("initiator", ["徐洋"]), ("initiator_head", ["林晓雯"]),
    ("initiator_superior", ["周启航"]), ("superior", ["高明"]), ("heads", ["林晓雯", "陈志远", "陈志远"]), ("acceptor", ["林晓雯"]),
    ("admin", ["admin"]),
])  # fmt: skip
def test_roles_of_a_task(role, people):
    found = resolve(context(TASK), role)
    assert names(found) == people
    assert not any(recipient.reasons for recipient in found if recipient.name not in found_instead(found))


def found_instead(found) -> set[str]:
    """Those who stand in for somebody: 客服部 has no head, so the head of the responsible department is told, and who
    approves accepts where nobody else is named."""
    return {each.name for each in found if any(reason.kind in {"instead", "default"} for reason in each.reasons)}


def test_every_role_is_tried_here_or_below():
    assert set(ROLES) == {
        "owner", "R_head", "A", "initiator", "initiator_head", "initiator_superior", "superior", "heads", "acceptor",
        "admin", "raiser", "submitted_to",
    }  # fmt: skip
    assert set(OVER) == {"heads", "liaisons", "superiors", "owners"}
    assert set(ROLE_NAMES) == {*ROLES, *OVER}


def test_somebody_unknown_is_replaced_by_the_head_and_it_is_said():
    found = resolve(context({**TASK, "负责人": "外包小林"}), "owner")
    assert found == [Recipient("陈志远", "owner", (Reason("stranger", "外包小林"), Reason("instead", "R_head")))]
    assert found[0].why("zh") == "通讯录中没有外包小林；改为通知负责部门负责人"
    assert found[0].why("en") == "外包小林 is not in the directory; told instead: R_head"


def test_without_a_head_the_initiator_stands_in():
    found = resolve(context({**TASK, "负责人": None, "负责部门": "客服部"}), "owner")
    assert found == [Recipient("徐洋", "owner", (Reason("empty", "owner"), Reason("instead", "initiator")))]
    (head,) = resolve(context({**TASK, "负责人": None, "负责部门": "客服部"}), "R_head")
    assert (head.name, head.why("zh")) == ("徐洋", "客服部的负责人空缺；改为通知发起部门联络人")
    assert head.why("en") == "the head of 客服部 is vacant; told instead: initiator"


def test_nobody_at_all_is_the_admin_s_matter():
    nobody = {**TASK, "负责人": None, "负责部门": None, "审批": None, "所属项目": "别的项目"}
    (found,) = resolve(context(nobody), "owner")
    assert (found.name, found.why("zh")) == ("admin", "没有填写负责人；改为通知管理员")
    for role in set(ROLES) - {"admin"}:
        assert names(resolve(context(nobody), role)) == ["admin"], role
    sent = notice({**nobody, "截止日期": "2024-07-19"}, "LAG-02")
    assert (sent.to, sent.cc) == (("admin",), ())
    assert sent.why == ("admin: 没有填写负责人；改为通知管理员",)


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
    both = without_repeats([one], [Recipient("林晓雯", "initiator_head"), two])
    assert both == ((one._replace(also=("initiator_head",)),), (two,))


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


# --- the cases of catalogue section 3, of A11, A22, A28 and C26, and what a directory can lack

NOBODY = {"负责人": None, "负责部门": None, "审批": None}
DISPUTE = {"of": "dispute", "编号": "D1", "涉及部门": ["研发部", "客服部"], "提出时间": "2024-07-22 09:00", "所属项目": "新品上市"}


@pytest.mark.parametrize(
    ("cells", "role", "people", "why"),
    [
        # several people, one of them unknown: each unknown one is replaced, nobody is dropped
        ({"负责人": ["李娜", "外包小林"]}, "owner", ["李娜", "陈志远"], "通讯录中没有外包小林；改为通知负责部门负责人"),
        ({"负责部门": ["研发部", "客服部"]}, "R_head", ["陈志远", "徐洋"], "客服部的负责人空缺；改为通知发起部门联络人"),
        ({"负责部门": "采购部"}, "R_head", ["徐洋"], "通讯录中没有部门采购部；改为通知发起部门联络人"),
        ({"负责部门": "采购部"}, "superior", ["徐洋"], "通讯录中没有部门采购部；改为通知发起部门联络人"),
        ({"审批": None}, "A", ["陈志远"], "没有填写审批方；改为通知负责部门负责人"),
        ({"审批": "客服部"}, "A", ["陈志远"], "客服部的负责人空缺；改为通知负责部门负责人"),
        ({"审批": "外包小林"}, "A", ["陈志远"], "通讯录中没有外包小林；改为通知负责部门负责人"),
        ({"审批": ["市场部", "张磊"]}, "A", ["林晓雯", "张磊"], ""),
        # 验收人, default A; one who is unknown, too
        ({"验收人": None}, "acceptor", ["林晓雯"], "默认为审批方"),
        ({"验收人": "外包小林"}, "acceptor", ["林晓雯"], "通讯录中没有外包小林；默认为审批方"),
        ({"验收人": "外包小林", "审批": None}, "acceptor", ["陈志远"], "通讯录中没有外包小林；改为通知负责部门负责人"),
        ({"验收人": "白雪"}, "acceptor", ["白雪"], ""),
        # A28: the superior of the R department; nobody is his own superior where somebody is above him
        ({"负责人": "周启航", "负责部门": "市场部"}, "superior", ["王总"], "周启航的上级领导就是本人；改为通知再上一级（总经办）"),
        ({"负责部门": "总经办"}, "superior", ["王总"], "王总的上级领导就是本人"),
        # C26: a row without a department stands for its owner's
        ({"负责部门": None, "负责人": "白雪"}, "R_head", ["徐洋"], "客服部的负责人空缺；改为通知发起部门联络人"),
        ({"负责部门": None, "负责人": "何静"}, "superior", ["王总"], "王总的上级领导就是本人"),
        ({**NOBODY}, "R_head", ["徐洋"], "找不到任何人担任负责部门负责人；改为通知发起部门联络人"),
        ({**NOBODY, "所属项目": "别的"}, "initiator", ["admin"], "找不到任何人担任发起部门联络人；改为通知管理员"),
    ],
)
def test_every_fallback_has_its_reason(cells, role, people, why):
    found = resolve(context({**TASK, **cells}, directory=COMPANY), role)
    assert names(found) == people
    said = [each.why("zh") for each in found if each.reasons]
    assert ([*said, ""][0]) == why
    assert all(each.why("en") for each in found if each.reasons)
    assert not any("一" <= letter <= "龥" for each in found for reason in each.reasons for letter in _plain(reason))


def _plain(reason) -> str:
    """A reason in English without the names that it mentions."""
    said = reason.said("en")
    for part in reason.what.split("/"):
        said = said.replace(part, "")
    return said


COMPANY = Directory({
    **DIRECTORY.departments,
    "总经办": Department("总经办", "王总", "王总", "", ("王总", "周启航", "高明", "何静")),  # its head is his own superior
})  # fmt: skip


def test_a_superior_who_heads_a_party_is_replaced_by_the_one_above():
    """A dispute of 研发部, whose superior leads it himself: the one above him decides."""
    own = Directory({
        **COMPANY.departments, "研发部": Department("研发部", "高明", "高明", "张磊", ("张磊",)),
    })  # fmt: skip
    found = resolve(context(DISPUTE, directory=own), "superior")
    assert [(each.name, each.why("en")) for each in found] == [
        ("王总", "高明 is their own superior; told instead: the one above, 总经办"), ("何静", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("initiator", "esc", "why"),
    [
        ("市场部", ("林晓雯",), "因为不满足 initiator in parties"),  # no party: its own head decides
        ("研发部", ("高明", "何静"), "因为 initiator in parties"),  # A11: nobody judges his own dispute
    ],
)
def test_an_initiator_who_is_a_party_may_not_decide(initiator, esc, why):
    sent = notice(DISPUTE, "DSP-01", {**PROJECT, "发起部门": initiator})
    assert sent.to[0] == "陈志远"
    assert sent.esc == esc
    assert all(any(line == f"{name}: {why}" for line in sent.why) for name in esc)


def test_the_same_person_in_several_roles_is_told_once_and_all_roles_are_said():
    """林晓雯 owns the task, heads its department, approves it and is the initiator's head."""
    sent = notice({**TASK, "负责人": "林晓雯", "负责部门": "市场部", "审批": "市场部", "截止日期": "2024-07-19"}, "LAG-02")
    assert (sent.to, sent.cc) == (("林晓雯",), ("徐洋",))
    both = context({**TASK, "负责人": "林晓雯", "负责部门": "市场部", "审批": "市场部"})
    groups = [[each for role in roles for each in resolve(both, role)] for roles in (["owner", "R_head"], ["A", "initiator"])]
    to, cc = without_repeats(*groups)
    assert [(each.name, each.role, each.also) for each in to] == [("林晓雯", "owner", ("R_head", "A"))]
    assert names(cc) == ["徐洋"]


# --- one person, many names


@pytest.mark.parametrize(
    ("person", "name"),
    [
        (Person("ou_1", "小张"), "张磊"),  # the tool's id decides, whatever the tool calls him
        (Person("tb1", "别名"), "张磊"),
        (Person("usrA", "Zhang"), "张磊"),
        (Person("zhang@example.com", ""), "张磊"),
        (Person("ou_1", "李娜"), "张磊"),  # id before name, although the name is somebody else's
        (Person("ou_of_nobody", "李娜"), "李娜"),  # an id that the directory lacks: by name
        (Person("", "张伟(研发)"), "张伟(研发)"),
        (Person("ou_w2", "张伟"), "张伟(市场)"),  # two people of one name are told apart by their ids
        (Person("ou_w1", "张伟"), "张伟(研发)"),
        (Person("", "张伟"), None),  # by the bare name nobody can tell which
        (Person("", " 李娜 "), "李娜"),
        (Person("", "外包小林"), None),
        (Person("", ""), None),
    ],
)
def test_people_are_known_by_tool_id_first_and_then_by_name(person, name):
    assert PEOPLE.name_of(person) == name


PEOPLE = Directory(
    {
        "研发部": Department("研发部", "陈志远", "高明", "张磊", ("张磊", "李娜", "张伟(研发)"), ("R&D", "研发中心")),
        "市场部": Department("市场部", "林晓雯", "周启航", "徐洋", ("张伟(市场)", "李娜")),
    },
    {
        "张磊": Contact("张磊", "ou_1", "tb1", "usrA", "zhang@example.com"),
        "张伟(研发)": Contact("张伟(研发)", "ou_w1"),
        "张伟(市场)": Contact("张伟(市场)", "ou_w2"),
    },
)


@pytest.mark.parametrize("alias", ["R&D", "r&d", " 研发中心 ", "研发部"])
def test_departments_are_known_by_their_aliases(alias):
    assert PEOPLE.department(alias) is PEOPLE.departments["研发部"]


def test_strangers_are_nobody_and_nothing_raises():
    assert (PEOPLE.department(None), PEOPLE.department(""), PEOPLE.department("财务部")) == (None, None, None)
    assert PEOPLE.home("外包小林") is None
    assert PEOPLE.homes("") == PEOPLE.homes("外包小林") == ()
    assert [home.name for home in PEOPLE.homes("李娜")] == ["研发部", "市场部"]  # somebody may belong to two
    assert PEOPLE.home("李娜").name == "研发部"
