"""Messages: every shipped text filled, values as people read them, and mistakes of templates at their place."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from duban.item import Person, Ref
from duban.notify.message import Message, compose, show
from duban.notify.templates import PLACEHOLDERS, check, shipped_templates
from duban.yamlfile import Document

SHANGHAI = ZoneInfo("Asia/Shanghai")
REF = Ref("rd", "rd_tasks", "65f001")
NAMED_BY_THE_CATALOGUE = [
    "进度预警通知", "临期提醒", "滞后提醒", "说明时限将到", "时限将到", "催办", "升级上报", "说明已收到", "预警解除",
    "擅自改期提醒", "暂停需说明", "审核催办", "突发问题超时", "分歧待上报", "风险会未开", "例会缺失", "核查缺失",
    "规范提醒",
]  # fmt: skip


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


VARIABLES: dict[str, object] = {
    "project": "2024年Q3新品上市推广", "code": "RD-03", "title": "产品最终版及测试报告", "kind": "task",
    "stage": "产品研发", "department": ("研发部",), "owner": (Person("5f1", "张磊"), Person("5f2", "李娜")),
    "accountable": ("市场部",),
    "standard": "产品验收标准\n≥ 3 项", "status": "进行中", "progress": 80.0, "due": date(2024, 7, 20),
    "effective_due": date(2024, 7, 20), "baseline_due": date(2024, 7, 20), "lag_days": 3,
    "last_update": at("2024-07-22 16:05"), "alert_at": at("2024-07-24 10:00"), "notices": 1,
    "explain_deadline": at("2024-07-26 10:00"), "escalate_at": at("2024-07-29 10:00"),
    "escalate_to": ("林晓雯", "高明"), "new_due": date(2024, 7, 31), "explained_at": at("2024-07-25 15:50"),
    "deadline": at("2024-07-26 10:00"),
    "remaining": timedelta(hours=11, minutes=30), "mode": {"hours": 48, "mode": "workday24"}, "rule_name": "滞后预警",
    "text": "滞后3个工作日", "initiator": "市场部", "source": "rd", "table": "rd_tasks", "url": "https://example.com/t/1",
    "downstream": [("MK-05", "海报印刷", date(2024, 7, 25), "市场部"), ("SA-02", "铺货", None, "销售部")],
    "milestones": "8月1日启动线上推广", "columns": ("滞后原因", "调整计划", "调整后完成日期"), "level": "重大",
    "now": at("2024-07-24 10:00"),
}  # fmt: skip


def made(template: str, variables: dict[str, object] | None = None, **changes: object) -> Message:
    arguments: dict[str, object] = {
        "rule": "LAG-02", "ref": REF, "code": "RD-03", "to": ["张磊", "陈志远"], "cc": ["林晓雯"],
        "key": "LAG-02|rd/rd_tasks/65f001|1|1", **changes,
    }  # fmt: skip
    templates = arguments.pop("templates", shipped_templates())
    return compose(templates, template, VARIABLES if variables is None else variables, **arguments)  # type: ignore[arg-type]


def test_the_formal_notice_says_everything_that_the_catalogue_asks_for() -> None:
    notice = made("进度预警通知")
    assert notice.title == "【进度预警】2024年Q3新品上市推广 - RD-03 产品最终版及测试报告 滞后3个工作日 (第1次)"
    assert notice.body == """\
致：张磊、陈志远
一、任务信息
  所属环节：产品研发
  负责部门(R)：研发部
  负责人：张磊、李娜
  审批(A)：市场部
  交付标准：产品验收标准 ≥ 3 项
  来源：rd / rd_tasks
  链接：https://example.com/t/1
二、进度情况
  原截止日期：2024-07-20 (周六)
  当前状态：进行中
  进度：80%
  滞后天数：3个工作日
  最近更新：2024-07-22 16:05 (周一)
三、影响提示
  下游任务：
    - MK-05 · 海报印刷 · 2024-07-25 (周四) · 市场部
    - SA-02 · 铺货 · — · 销售部
  临近里程碑：8月1日启动线上推广
四、要求
  请提交《滞后原因说明及调整计划》，截止 2024-07-26 10:00 (周五)，时限48小时(不含休息日)。
  填写位置：滞后原因、调整计划、调整后完成日期（三项齐全才算完成说明）
五、逾期处理
  2024-07-29 10:00 (周一) 后仍无完整说明，上报 林晓雯、高明。
六、发出
  市场部，2024-07-24 10:00 (周三)，触发规则 LAG-02
抄送：林晓雯"""


def test_all_templates_of_the_catalogue_are_there_in_both_languages() -> None:
    assert sorted(shipped_templates()) == sorted(NAMED_BY_THE_CATALOGUE)
    for name, texts in shipped_templates().items():
        assert set(texts) == {"zh", "en"}, name


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("template", NAMED_BY_THE_CATALOGUE)
def test_every_shipped_text_fills_and_short_ones_are_short(template: str, language: str) -> None:
    message = made(template, language=language)
    assert "—" not in message.title + re.sub(r"铺货 · — ·", "", message.body)  # every placeholder has its value
    assert "{" not in message.title + message.body
    assert "\n" not in message.title
    assert message.language == language
    if template != "进度预警通知":
        assert len(message.body.splitlines()) <= 2
    if language == "en":
        said = message.title + message.body
        shown = (show(value, "en", name) for name, value in VARIABLES.items())
        for value in sorted(shown, key=len, reverse=True):  # a cell's own text stays in its own language
            said = said.replace(value, "")
        assert not re.search(r"周[一-日]|小时|工作日|截止|请", said)  # no Chinese of ours left in an English text
    bare = made(template, {}, language=language, code="", to=(), cc=())
    assert "{" not in bare.title + bare.body
    assert "None" not in bare.title + bare.body
    assert "—" in bare.title + bare.body


def test_shipped_placeholders_are_all_used_and_all_english_in_the_shipped_file() -> None:
    parts = [parts for texts in shipped_templates().values() for parts in texts.values()]
    texts = "".join(part["title"] + part["body"] for part in parts)
    used = set(re.findall(r"{([^{}]+)}", texts))
    assert used <= set(PLACEHOLDERS)
    assert set(PLACEHOLDERS) - used == {"level"}  # for admins' own texts


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        (None, "—", "—"),
        ("", "—", "—"),
        ((), "—", "—"),
        ("  a\n b ", "a b", "a b"),
        (at("2024-07-26 10:00"), "2024-07-26 10:00 (周五)", "2024-07-26 10:00 (Fri)"),
        (date(2024, 7, 28), "2024-07-28 (周日)", "2024-07-28 (Sun)"),
        ({"hours": 48, "mode": "workday24"}, "48小时(不含休息日)", "48 h (rest days not counted)"),
        ({"hours": 2, "mode": "wall"}, "2小时", "2 h"),
        ({"hours": 48, "mode": "workhours"}, "48个工作小时", "48 working hours"),
        ({"hours": -1.5, "mode": "wall"}, "1.5小时", "1.5 h"),
        (timedelta(hours=-1, minutes=-30), "1小时30分钟", "1 h 30 min"),
        (timedelta(minutes=45), "45分钟", "45 min"),
        (3.0, "3", "3"),
        (0.5, "0.5", "0.5"),
        (Person("ou_1", "张三"), "张三", "张三"),
        (("研发部", "市场部"), "研发部、市场部", "研发部, 市场部"),
        ([("A", None), ("B", 2)], "\n    - A · —\n    - B · 2", "\n    - A · —\n    - B · 2"),
    ],
)
def test_values_as_people_read_them(value: object, zh: str, en: str) -> None:
    assert (show(value, "zh"), show(value, "en")) == (zh, en)


def test_what_a_placeholder_knows_of_its_value() -> None:
    assert show(80.0, "zh", "progress") == "80%"
    assert show(None, "zh", "progress") == "—"
    assert show("issue", "zh", "kind") == "突发问题"
    assert show("issue", "en", "kind") == "issue"
    long = show("长" * 1000)
    assert len(long) == 300
    assert long.endswith("…")


def test_a_value_is_never_read_as_a_template() -> None:
    templates = {"x": {"zh": {"title": "{title}", "body": "{{名称}} {{ 编号 }}"}}}
    message = made("x", {"title": "{code} {{编号}} {nobody}", "code": "A-1"}, templates=templates)
    assert message.title == "{code} {{编号}} {nobody}"
    assert message.body == "{code} {{编号}} {nobody} A-1"


def test_a_missing_language_is_told_in_the_other() -> None:
    templates = {"x": {"zh": {"title": "{progress}", "body": ""}}}
    message = made("x", {"progress": 50.0}, templates=templates, language="en")
    assert (message.title, message.body, message.language) == ("50%", "", "zh")
    with pytest.raises(KeyError):
        made("没有这个模板")


def test_a_message_survives_json() -> None:
    message = made("催办")
    data = message.data()
    assert (data["source"], data["table"], data["record"]) == REF
    assert Message.of(data) == message
    assert set(data) >= {"template", "rule", "code", "to", "cc", "key"}


@pytest.mark.parametrize(
    ("text", "line", "column", "expected"),
    [
        ('x: {zh: {title: "{cod}", body: ""}}', 2, 20, "unknown placeholder {cod}; did you mean 'code'?"),
        ('x: {zh: {title: "{{负责任}}", body: ""}}', 2, 20, "unknown placeholder {{负责任}}; did you mean '责任人'?"),
        ('x: {zh: {title: "a", body: "b {code"}}', 2, 33, "a brace without its partner"),
        ('x: {zh: {title: "a } b", body: ""}}', 2, 22, "a brace without its partner"),
        ('x: {zh: {title: "{}", body: ""}}', 2, 20, "unknown placeholder {}"),
        ('x: {zh: {title: "a"}}', 2, 11, "the body is missing"),
        ('x: {zh: {title: [], body: ""}}', 2, 19, "the title must be a text"),
        ('x: {zh: {title: "", body: "", boddy: ""}}', 2, 33, "unknown key 'boddy'; a text has a title and a body"),
        ('x: {de: {title: "", body: ""}}', 2, 7, "unknown language 'de'; known are zh, en"),
        ("x: {zh: 催办}", 2, 11, "a text has a title and a body"),
        ("x: 催办", 2, 6, "the message 'x' needs a text with title and body, in zh or en"),
        ("- x", 2, 3, "messages are written as {name: {zh: {title, body}}}"),
    ],
)
def test_mistakes_of_templates_show_their_place(text: str, line: int, column: int, expected: str) -> None:
    (problem,) = check(Document(f"messages:\n  {text}\n", "rules.yaml"))
    assert (problem.line, problem.column) == (line, column)
    assert expected in problem.message


def test_a_mistake_inside_a_block_text_is_found_on_its_line() -> None:
    text = "messages:\n  x:\n    zh:\n      title: t\n      body: |\n        a {code}\n        b {own}\n"
    document = Document(text, "r.yaml")
    (problem,) = check(document)
    assert (problem.line, problem.column, problem.width) == (7, 11, 5)


def test_both_spellings_of_every_placeholder_are_right() -> None:
    spellings = [word for name, chinese in PLACEHOLDERS.items() for word in (name, *chinese)]
    assert len(spellings) == len(set(spellings))
    body = " ".join(f"{{{word}}} {{{{{word}}}}}" for word in spellings)
    assert check(Document(f'messages: {{x: {{zh: {{title: "", body: "{body}"}}}}}}\n', "r.yaml")) == []


def test_a_file_without_messages_has_no_mistakes() -> None:
    assert check(Document("params: {}\n", "r.yaml")) == []
