"""The mapping of headings to fields: the answer key's vectors and tables, and every rule of catalogue section 4."""

from __future__ import annotations

from typing import Any

import pytest

from duban.connectors.base import Column, Schema
from duban.connectors.columns import TableMapping, column_ids, map_columns, wanted_columns
from duban.connectors.headings import lexicon, normal
from duban.connectors.settings import AirtableTable
from duban.errors import ConfigError
from duban.item import KINDS, fields_of

OWN_TASK = (
    "预警级别", "预警状态", "触发规则", "预警内容", "预警时间", "说明截止时间", "SLA状态", "滞后天数", "上报对象",
    "上报时间", "预警次数",
)  # fmt: skip
OWN_ISSUE = ("预警级别", "触发规则", "预警内容", "时限", "SLA状态", "系统上报对象", "系统上报时间")
HOLDS = {"column": "类型", "values": {"突发问题": "issue", "部门分歧": "dispute"}}

FS_TASK = {
    "任务编号": "code", "任务描述": "title", "所属项目": "project", "所属环节": "stage",
    "负责部门(R)": "responsible_dept",
    "任务执行人": "owner", "审批A": "accountable", "咨询I": "consulted", "知会C": "informed", "进展": "status",
    "重要紧急程度": "priority", "开始日期": "planned_start", "预计完成日期": "due", "实际完成日期": "actual_finish",
    "完成进度": "progress", "最新进展记录": "latest_note", "最近更新": "last_update", "输入要求": "input_req",
    "输出物": "output",
    "交付标准": "standard", "审核方": "reviewers", "成果物链接": "deliverable_link", "验收人": "acceptor",
    "验收结果": "acceptance_result", "上游任务": "upstream", "提交审核时间": "submitted_at", "滞后原因": "lag_reason",
    "调整计划": "adjust_plan", "调整后日期": "new_due", "说明提交时间": "explained_at",
}  # fmt: skip
AT_TASKS = {
    "Task ID": "code", "Name": "title", "Project": "project", "Stage": "stage", "Department": "responsible_dept",
    "Assignee": "owner", "Approver": "accountable", "Informed": "informed", "Status": "status",
    "Start date": "planned_start", "Due date": "due", "Completed on": "actual_finish", "% Complete": "progress",
    "Deliverable": "output", "Acceptance criteria": "standard", "Deliverable URL": "deliverable_link",
    "Blocked by": "upstream", "Last modified": "last_update", "Notes": "latest_note", "Delay reason": "lag_reason",
    "Recovery plan": "adjust_plan", "Revised due": "new_due", "Explained at": "explained_at",
}  # fmt: skip
FS_ISSUE = {
    "编号": "code", "所属项目": "project", "类型": "item_type", "描述": "point", "提出部门": "raised_by",
    "涉及部门": "parties",
    "责任人": "owner", "提出时间": "raised_at", "响应时间": "responded_at", "解决方案": "solution",
    "解决时间": "resolved_at",
    "协商未果时间": "failed_at", "上报时间": "submitted_at", "上报对象": "submitted_to", "决策结果": "decision",
    "决策时间": "decided_at", "状态": "status",
}  # fmt: skip


def mapped(*headings: str | Column, holds: Any = "task", **table: Any) -> TableMapping:
    columns = tuple(Column(heading, heading, "text") if isinstance(heading, str) else heading for heading in headings)
    return map_columns(AirtableTable(table="t", holds=holds, **table), Schema(columns))


def fields(mapping: TableMapping) -> dict[str, str | None]:
    human = {"exact", "contained", "configured", "built-in", "kind"}
    return {found.column.name: found.field for found in mapping.how if found.why in human}


@pytest.mark.parametrize(("heading", "field"), [
    ("负责部门(R)", "responsible_dept"), ("任务执行人", "owner"), ("Assignee", "owner"), ("主责(A)", "accountable"),
    ("咨询I", "consulted"), ("咨询(C)", "consulted"), ("进展", "status"), ("预计完成日期", "due"), ("截止时间", "due"),
    ("Completed on", "actual_finish"), ("前置任务", "upstream"), ("% Complete", "progress"), ("验收标准", "standard"),
    ("纠偏措施", "adjust_plan"), ("完成时间", None),
    # normal form
    ("1. 任务名称", "title"), ("二、截止日期", "due"), ("2.1 交付标准", "standard"), ("③负责人", "owner"),
    ("🔥 优先级", "priority"),
    ("任务 名称*", "title"), ("ＳＴＡＴＵＳ", "status"), ("负责部门（Ｒ）", "responsible_dept"), ("due_date", "due"),
    ("截止日期：", "due"), ("进度（%）", "progress"),
    # containment
    ("交付标准(量化)", "standard"), ("序号/任务编号", "code"), ("本周最新进展记录", "latest_note"),
    ("Main assignee", "owner"),
    ("Task owner (name)", "owner"), ("Unassigned", None), ("调整后截止日期", None), ("原截止日期", None),
    ("Old due date", None),
    ("子任务负责人姓名", "owner"), ("我的任务", None), ("Notebook", None),
    # RACI
    ("R", "responsible_dept"), ("A", "accountable"), ("C", "consulted"), ("I", "informed"), ("(a)", "accountable"),
    ("负责人(R)", "owner"), ("负责(R)", "responsible_dept"), ("执行(R)", "responsible_dept"),
    ("执行 R", "responsible_dept"),
    ("负责(A)", "accountable"), ("负责人(A)", "accountable"), ("审批人(A)", "accountable"), ("知会C", "informed"),
    ("知会人（C）", "informed"), ("C咨询", "consulted"), ("Consulted (I)", "consulted"), ("Owner (A)", "accountable"),
    ("方案A", None), ("Plan R", None),
    # never by themselves
    ("End date", None), ("时间", None), ("日期", None), ("审核", None), ("负责", None),
    ("是否延期", None), ("预警级别", None), ("Alert level", None), ("上报时间", None),
])  # fmt: skip
def test_one_heading_of_a_task_table(heading: str, field: str | None) -> None:
    mapping = mapped(heading)
    assert list(mapping.fields["task"]) == ([field] if field else [])


@pytest.mark.parametrize(("headings", "holds", "expected", "own"), [
    ([*FS_TASK, "是否延期", *OWN_TASK], "task", FS_TASK, 11),
    (AT_TASKS, "task", AT_TASKS, 0),
    ([*FS_ISSUE, *OWN_ISSUE], HOLDS, FS_ISSUE, 7),
])  # fmt: skip
def test_the_tables_of_the_answer_key(headings: Any, holds: Any, expected: dict[str, str], own: int) -> None:
    mapping = mapped(*headings, holds=holds)
    assert fields(mapping) == expected
    assert len(mapping.own) == own
    assert mapping.questions == ()
    assert mapping.problems == ()
    assert set(wanted_columns(mapping)) == {heading for heading in headings if heading != "是否延期"}


def test_what_the_answer_key_calls_missing() -> None:
    airtable = mapped(*AT_TASKS)
    assert {"consulted", "input_req", "reviewers", "acceptance_result"} <= set(airtable.unmapped)
    order = [field.key for field in fields_of("task")]
    assert list(airtable.unmapped) == [key for key in order if key in airtable.unmapped]
    assert "is_delayed" not in airtable.unmapped
    assert mapped(*FS_TASK, "是否延期").ignored == ("是否延期",)


def test_swapped_raci_letters_are_told() -> None:
    assert mapped(*FS_TASK).raci_slips == ("咨询I", "知会C")
    assert mapped("咨询(C)", "知会(I)").raci_slips == ()
    assert mapped("C", "I").raci_slips == ()


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_of_the_guide_finds_its_field(kind: str) -> None:
    words = lexicon(kind)  # type: ignore[arg-type]
    for field in fields_of(kind):  # type: ignore[arg-type]
        match = words.match(field.zh)
        assert match is not None
        assert match.rank == "exact"
        assert field.key in match.fields or field.key in {"status", "project"}, field.zh


class TestCompeting:
    def test_two_headings_of_one_rank_are_asked(self) -> None:
        mapping = mapped("截止日期", "Deadline", "任务名称")
        assert list(mapping.fields["task"]) == ["title"]
        (question,) = mapping.questions
        assert question.headings == ("截止日期", "Deadline")
        assert question.fields == ("due",)
        assert "columns: {due: 截止日期}" in question.text
        assert [found.why for found in mapping.how] == ["asked", "asked", "exact"]

    def test_exact_beats_contained(self) -> None:
        mapping = mapped("任务负责人姓名", "负责人", "部门负责人签字")
        assert fields(mapping) == {"负责人": "owner"}
        assert mapping.questions == ()

    def test_two_contained_headings_are_asked(self) -> None:
        assert [question.fields for question in mapped("第一负责人姓名", "第二负责人姓名").questions] == [("owner",)]

    def test_the_longest_synonym_wins(self) -> None:
        assert fields(mapped("任务负责人情况说明表")) == {"任务负责人情况说明表": "owner"}

    def test_two_fields_with_the_same_score_are_asked(self) -> None:
        (question,) = mapped("输入要求和交付标准").questions
        assert question.fields == ("input_req", "standard")

    @pytest.mark.parametrize(("headings", "status"), [
        (["状态"], True), (["状态", "审批状态"], False), (["状态", "状态2"], False), (["状态", "验收状态"], True),
        (["状态", "规范状态", "预警状态", "SLA状态"], True), (["状态", "状态说明"], True),
    ])  # fmt: skip
    def test_a_generic_heading_yields_to_competition(self, headings: list[str], status: bool) -> None:
        mapping = mapped(*headings)
        assert ("status" in mapping.fields["task"]) is status
        assert bool(mapping.questions) is not status

    def test_a_second_department_competes(self) -> None:
        assert "responsible_dept" in mapped("部门", "需求部门").fields["task"]  # that one is the initiator
        assert "responsible_dept" not in mapped("部门", "二级部门").fields["task"]

    def test_the_kind_comes_before_the_common_fields(self) -> None:
        assert fields(mapped("状态", holds="resource")) == {"状态": "res_status"}
        assert fields(mapped("状态", holds="risk")) == {"状态": "status"}
        assert fields(mapped("WBS", holds="project")) == {"WBS": "plan_table_link"}


class TestAmbiguousHeadings:
    @pytest.mark.parametrize(("headings", "proposal"), [
        (["完成时间"], "due"), (["完成时间", "截止日期"], "actual_finish"), (["End date"], "due"),
        (["End date", "Due date"], "actual_finish"), (["审核"], "reviewers"), (["负责"], "owner"), (["日期"], "due"),
    ])  # fmt: skip
    def test_the_question_proposes_and_nothing_is_applied(self, headings: list[str], proposal: str) -> None:
        mapping = mapped(*headings)
        assert headings[0] not in fields(mapping)
        (question,) = mapping.questions
        assert f"columns: {{{proposal}: {headings[0]}}}" in question.text

    def test_where_the_kind_names_it_outright_it_is_mapped(self) -> None:
        assert fields(mapped("日期", holds="meeting")) == {"日期": "start_at"}
        assert fields(mapped("完成时间", holds="issue")) == {"完成时间": "resolved_at"}


class TestConfiguration:
    def test_columns_overrule(self) -> None:
        mapping = mapped("截止日期", "Deadline", "备注", columns={"due": "Deadline", "latest_note": None})
        assert fields(mapping) == {"Deadline": "due"}
        assert mapping.questions == ()
        assert "latest_note" in mapping.unmapped
        assert [found.why for found in mapping.how] == ["unused", "configured", "unused"]

    def test_columns_may_name_the_id_and_a_field_in_chinese(self) -> None:
        assert fields(mapped(Column("fld1", "奇怪", "text"), columns={"due": "fld1"})) == {"奇怪": "due"}
        assert fields(mapped("奇怪", columns={"截止日期": " 奇怪 "})) == {"奇怪": "due"}

    def test_what_does_not_fit_is_a_problem_and_stops_nothing(self) -> None:
        mapping = mapped("截止日期", columns={"dew": "截止日期", "owner": "截止日"}, defaults={"progres": 3})
        assert fields(mapping) == {"截止日期": "due"}
        unknown, missing, default = mapping.problems
        assert "did you mean due?" in unknown
        assert "did you mean '截止日期'?" in missing
        assert "did you mean progress?" in default

    def test_defaults_count_as_mapped_where_there_is_no_column(self) -> None:
        mapping = mapped("所属项目", defaults={"project": "甲", "stage": "乙"})
        assert mapping.defaults == {"stage": "乙"}
        assert {"project", "stage"} <= mapping.mapped("task")
        assert "stage" not in mapping.unmapped

    def test_a_missing_kind_column_is_the_first_problem(self) -> None:
        mapping = mapped("类 别", "编号", holds=HOLDS, columns={"x": "y"})
        assert mapping.kind_column is None
        assert "holds names the column '类型'" in mapping.problems[0]


class TestOwnColumns:
    def test_they_are_found_in_both_languages_and_by_configuration(self) -> None:
        mapping = mapped(
            "预警级别", "Alert state", "我的规则", "预警内容", writes={"alert_rules": "我的规则", "alert_text": None}
        )
        assert {key: column.name for key, column in mapping.own.items()} == {
            "alert_level": "预警级别", "alert_state": "Alert state", "alert_rules": "我的规则",
        }  # fmt: skip
        assert "预警内容" not in mapping.missing_own
        assert "预警时间" in mapping.missing_own
        assert "系统核查时间" not in mapping.missing_own

    def test_the_checking_time_only_when_it_is_named(self) -> None:
        assert "checked_at" not in mapped("系统核查时间").own
        assert mapped("系统核查时间", writes={"checked_at": "系统核查时间"}).own["checked_at"].name == "系统核查时间"

    @pytest.mark.parametrize(("holds", "own", "human"), [
        ("task", {"escalated_to": "上报对象", "escalated_at": "上报时间"}, {}),
        ("risk", {"escalated_to": "系统上报对象", "escalated_at": "系统上报时间"}, {}),
        ("dispute", {"escalated_to": "系统上报对象", "escalated_at": "系统上报时间"},
         {"上报对象": "submitted_to", "上报时间": "submitted_at"}),
    ])  # fmt: skip
    def test_escalation_is_human_in_disputes(self, holds: str, own: dict[str, str], human: dict[str, str]) -> None:
        mapping = mapped("上报对象", "上报时间", "系统上报对象", "系统上报时间", holds=holds)
        assert {key: column.name for key, column in mapping.own.items()} == own
        assert fields(mapping) == human

    def test_english_escalation_columns_of_a_dispute_table_are_human(self) -> None:
        mapping = mapped("Escalated to", "Escalated at", holds="dispute")
        assert fields(mapping) == {"Escalated to": "submitted_to", "Escalated at": "submitted_at"}
        assert mapping.own == {}

    @pytest.mark.parametrize(("columns", "writes"), [
        ({}, {"alert_text": "备注"}), ({"latest_note": "预警内容"}, {}),
        ({"latest_note": "我的"}, {"alert_text": "我的"}),
        ({}, {"alert_text": "同一", "alert_rules": "同一"}),
    ])  # fmt: skip
    def test_a_human_column_is_never_our_own(self, columns: dict[str, str], writes: dict[str, str]) -> None:
        with pytest.raises(ConfigError):
            mapped("备注", "预警内容", "我的", "同一", columns=columns, writes=writes)

    def test_the_kind_column_is_never_our_own(self) -> None:
        with pytest.raises(ConfigError, match="item_type"):
            mapped("类型", holds=HOLDS, writes={"alert_text": "类型"})

    def test_a_heading_that_only_contains_a_synonym_may_be_ours(self) -> None:
        mapping = mapped("系统进度备注", writes={"alert_text": "系统进度备注"})
        assert mapping.own["alert_text"].name == "系统进度备注"
        assert mapping.fields["task"] == {}

    def test_computed_columns_and_missing_options_are_told(self) -> None:
        mapping = mapped(
            Column("a", "预警内容", "text", computed=True), Column("b", "预警时间", "datetime", writable=False),
            Column("c", "预警级别", "select", options=("绿", "黄")), writes={"alret_state": "x"},
        )  # fmt: skip
        assert set(mapping.own) == {"alert_level"}
        text = "\n".join(mapping.problems)
        assert "'预警内容' is computed" in text
        assert "'预警时间' is computed" in text
        assert "lacks the options 红" in text
        assert "did you mean alert_state?" in text


class TestBuiltIns:
    def column(self, id_: str, name: str, field: str, **more: Any) -> Column:
        return Column(id_, name, "text", writable=False, field=field, **more)

    def test_they_are_mapped_by_field_whatever_their_heading(self) -> None:
        mapping = mapped(
            self.column("content", "标题", "title"), self.column("accomplishTime", "完成时间", "actual_finish"),
            self.column("dueDate", "时间", "due"), self.column("isDone", "是否完成", "is_done"), "任务名称", "完成时间",
        )  # fmt: skip
        assert {key: column.id for key, column in mapping.fields["task"].items()} == {
            "title": "content", "due": "dueDate", "actual_finish": "accomplishTime",
        }  # fmt: skip
        assert mapping.done is not None
        assert {"content", "isDone"} <= set(wanted_columns(mapping))
        assert mapping.questions == ()

    def test_a_fallback_yields_to_a_custom_column(self) -> None:
        built_in = self.column("uniqueId", "任务 ID", "code", fallback=True, computed=True)
        assert mapped(built_in, "任务编号").fields["task"]["code"].id == "任务编号"
        assert mapped(built_in).fields["task"]["code"].id == "uniqueId"

    def test_the_configuration_comes_before_a_built_in(self) -> None:
        mapping = mapped(self.column("dueDate", "截止时间", "due"), "期限", columns={"due": "期限"})
        assert mapping.fields["task"]["due"].id == "期限"
        assert mapped(self.column("dueDate", "截止时间", "due"), columns={"due": None}).fields["task"] == {}

    def test_in_a_table_of_risks_the_title_is_the_risk(self) -> None:
        mapping = mapped(
            self.column("content", "标题", "title"), self.column("executorId", "执行者", "owner"), holds="risk"
        )
        assert {key: column.id for key, column in mapping.fields["risk"].items()} == {
            "desc": "content", "measure_owner": "executorId",
        }  # fmt: skip


class TestMixedTables:
    def test_each_kind_has_its_own_fields(self) -> None:
        mapping = mapped(*FS_ISSUE, holds=HOLDS)
        assert mapping.kinds == ("issue", "dispute")
        assert mapping.kind_column is not None
        assert "resolved_at" in mapping.fields["issue"]
        assert "resolved_at" not in mapping.fields["dispute"]
        assert mapping.fields["issue"]["point"] is mapping.fields["dispute"]["point"]

    def test_a_type_column_without_several_kinds_is_recognised_and_not_read(self) -> None:
        mapping = mapped("类型", "编号", holds="issue")
        assert mapping.ignored == ("类型",)
        assert wanted_columns(mapping) == ("编号",)


def test_every_column_has_an_entry() -> None:
    mapping = mapped("甲", "截止日期", "预警级别", "是否延期", "完成时间")
    assert [(found.column.name, found.field, found.why) for found in mapping.how] == [
        ("甲", None, "unused"), ("截止日期", "due", "exact"), ("预警级别", "alert_level", "own"),
        ("是否延期", "is_delayed", "ignored"), ("完成时间", None, "asked"),
    ]  # fmt: skip


def test_computed_columns_are_read() -> None:
    assert mapped(Column("c", "任务编号", "text", writable=False, computed=True)).fields["task"]["code"].id == "c"


@pytest.mark.parametrize(("heading", "form"), [
    (" 1、 任务（名称）： ", "任务名称"), ("№", "no"), ("100", "100"), ("二十三", "二十三"), ("✅✅", ""),
    ("Ｒ＆Ｄ", "r&d"),
])  # fmt: skip
def test_the_normal_form(heading: str, form: str) -> None:
    assert normal(heading) == form


# --- columns that were renamed since the last read


def headings(**names: str) -> Schema:
    return Schema(tuple(Column(id_, name, "text") for id_, name in names.items()))


TASKS = AirtableTable(table="tblT", holds="task")


def test_a_renamed_column_goes_on_holding_its_field_and_the_admin_is_told() -> None:
    before = column_ids(map_columns(TASKS, headings(fld1="任务名称", fld2="截止日期")))
    now = map_columns(TASKS, headings(fld1="任务名称", fld2="老板要的日子"), before)
    assert column_ids(now)["task"] == {"title": "fld1", "due": "fld2"}
    assert [found.why for found in now.how] == ["exact", "renamed"]
    assert "columns: {due: 老板要的日子}" in now.problems[0]
    again = map_columns(TASKS, headings(fld1="任务名称", fld2="老板要的日子"), column_ids(now))
    assert column_ids(again) == column_ids(now)


@pytest.mark.parametrize(
    ("columns", "due"),
    [
        ({"fld2": "旧的", "fld3": "截止日期"}, "fld3"),  # another column has the heading now
        ({"fld2": "实际完成"}, None),  # the new heading means something else
        ({"fld2": "完成时间"}, None),  # the new heading is one to ask about
        ({"fld2": "预警内容"}, None),  # duban's own by now
        ({"fld3": "老板要的日子"}, None),  # another column altogether
    ],
)
def test_a_new_heading_that_says_something_counts(columns: dict[str, str], due: str | None) -> None:
    now = map_columns(TASKS, headings(**columns), {"task": {"due": "fld2"}})
    assert column_ids(now)["task"].get("due") == due


def test_the_configuration_overrules_what_a_column_was() -> None:
    table = AirtableTable(table="tblT", holds="task", columns={"due": None})
    assert "due" not in map_columns(table, headings(fld2="老板要的日子"), {"task": {"due": "fld2"}}).fields["task"]


def test_a_workbook_has_no_column_ids_so_its_renamed_columns_are_not_known_again() -> None:
    schema = Schema((Column("老板要的日子", "老板要的日子", "text"),))
    assert column_ids(map_columns(TASKS, schema, {"task": {"due": "老板要的日子"}}))["task"] == {}
