"""The history of an alert: every transition with its moment and cause, over all cycles, in both languages."""

from __future__ import annotations

import json
from datetime import date, datetime

import pytest
from example_world import NOW, ZONE, directory, further_traces, key, snapshot
from rules_world import QUIET, Timeline, at, clocks, guide, with_params

from duban.rules.evaluate import judge
from duban.rules.explain import explain_item
from duban.rules.explainhistory import MOVES, cause_said, history_data, history_said, move_said
from duban.rules.history import KEPT
from duban.rules.memory import Alert, Memory, Transition

TRACES = {name: trace for name, trace in (key()["lifecycle_traces"] | further_traces()).items() if name != "about"}


def of(line: Timeline):
    return explain_item(line.judging, line.judging.world.contexts[0])


def history(line: Timeline) -> tuple[Transition, ...]:
    return of(line).steps.history


def played(name: str) -> Timeline:
    """A trace of the answer key, to its end."""
    trace = TRACES[name]
    line = Timeline.of({**QUIET, "截止日期": trace["start"]["预计完成日期"], "计划开始": "2024-07-01"})
    for step in trace["steps"]:
        cells = {{"预计完成日期": "截止日期", "进展": "状态"}.get(k, k): value for k, value in step.get("set", {}).items()}
        line.run(str(step["now"]), **cells)
    return line


@pytest.mark.parametrize("name", TRACES)
def test_a_history_is_an_unbroken_chain_of_the_states_of_its_trace(name):
    steps = history(played(name))
    states = [step["state"] for step in TRACES[name]["steps"]]
    seen = [state for n, state in enumerate(states) if n == 0 or state != states[n - 1]]
    assert steps[0].before == "正常"
    assert [step.before for step in steps[1:]] == [step.after for step in steps[:-1]]
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    moments = [datetime.fromisoformat(str(step["now"])).replace(tzinfo=ZONE) for step in TRACES[name]["steps"]]
    assert {step.at for step in steps} <= set(moments)
    # every state that the trace names was reached in this order; between two of them a run may go several steps
    reached = ["正常", *(step.after for step in steps)]
    places = iter(reached)
    assert all(state in places for state in seen), (seen, reached)


def test_tr_1_tells_its_whole_story():
    steps = history(played("TR-1"))
    assert [(step.move, f"{step.at:%m-%d %H:%M}") for step in steps] == [
        ("T1", "07-15 09:00"), ("T2", "07-18 09:00"), ("T3", "07-22 09:00"), ("T7", "07-24 09:01"), ("T8", "07-25 09:01"),
        ("T9", "07-25 16:00"), ("T11", "07-31 14:00"),
    ]  # fmt: skip
    causes = {step.move: dict(step.cause) for step in steps}
    assert causes["T1"] == {"due": "2024-07-17", "due_from": "cell", "lag_days": "0", "rule": "DUE-01"}
    assert causes["T3"] == {
        "due": "2024-07-17", "due_from": "cell", "lag_days": "3", "notices": "1",
        "deadline": "2024-07-24T09:00:00+08:00", "rule": "LAG-02",
    }  # fmt: skip
    assert causes["T7"] == {"deadline": "2024-07-24T09:00:00+08:00"}
    assert causes["T8"]["escalate_at"] == "2024-07-25T09:00:00+08:00"
    assert causes["T9"] == {
        "answered_at": "2024-07-25T15:50:00+08:00", "deadline": "2024-07-24T09:00:00+08:00", "new_due": "2024-07-31",
    }  # fmt: skip
    assert causes["T11"] == {"status": "待审核"}


def test_a_second_notice_and_a_reopened_task_keep_what_was_before():
    late_again = history(played("TR-A"))
    assert [step.move for step in late_again] == ["T1", "T2", "T3", "T6", "T10", "T7", "T8"]
    again = dict(late_again[4].cause)
    assert (again["due"], again["due_from"], again["notices"]) == ("2024-09-29", "accepted", "2")
    reopened = history(played("TR-B"))
    assert [step.move for step in reopened] == ["T3", "T11", "T12", "T3", "T7", "T11"]
    assert dict(reopened[2].cause) == {"status": "进行中", "cycle": "2"}
    assert dict(reopened[5].cause) == {"status": "取消"}


def test_the_story_in_chinese_and_in_english():
    line = played("TR-1")
    chinese, english = of(line).text("zh"), of(line).text("en")
    assert "预警经过" in chinese
    assert ("  2024-07-22 09:00 (周一)  T3 轻微滞后 -> 滞后预警已发  滞后达到预警天数：发出预警，说明时限开始"
            "（截止日期 2024-07-17 (周三)，截止日期单元格，滞后天数 3，第1次预警，说明时限 2024-07-24 09:00 (周三)，规则 LAG-02）"
            ) in chinese  # fmt: skip
    assert "history of the alert" in english
    assert ("  2024-07-25 16:00 (Thu)  T9 已升级 -> 已说明  a complete answer after its deadline: the lateness is on record "
            "(explained 2024-07-25 15:50 (Thu), to be explained by 2024-07-24 09:00 (Wed), revised due date "
            "2024-07-31 (Wed))") in english  # fmt: skip
    document = json.loads(json.dumps(of(line).to_json()))["ladder"]["history"]
    assert [step["move"] for step in document] == ["T1", "T2", "T3", "T7", "T8", "T9", "T11"]
    assert document[2] == {
        "move": "T3", "at": "2024-07-22T09:00:00+08:00", "before": "轻微滞后", "after": "滞后预警已发",
        "sentence": MOVES["T3"][0],
        "cause": {"due": "2024-07-17", "due_from": "cell", "lag_days": "3", "notices": "1",
                  "deadline": "2024-07-24T09:00:00+08:00", "rule": "LAG-02"},
    }  # fmt: skip


def test_the_same_moment_twice_adds_nothing():
    line = played("TR-1")
    before = line.items["T1"].memory
    line.again(at("2024-08-06 09:00"))
    assert line.items["T1"].memory == before


def test_several_steps_of_one_run_are_all_there():
    line = Timeline.of({**QUIET, "截止日期": "2024-07-17"})
    line.run("2024-07-22 09:00")
    line.run("2024-08-05 09:00")
    assert [(step.move, step.before, step.after) for step in history(line)] == [
        ("T3", "正常", "滞后预警已发"), ("T7", "滞后预警已发", "超时未说明"), ("T8", "超时未说明", "已升级"),
    ]  # fmt: skip


def test_a_due_date_moved_away_and_a_task_that_ends_early_have_their_cause():
    line = Timeline.of({**QUIET, "截止日期": "2024-07-17"})
    line.run("2024-07-18 09:00")
    line.run("2024-07-19 09:00", 截止日期="2024-07-31")
    step = history(line)[-1]
    assert (step.move, step.before, step.after) == ("T4", "轻微滞后", "正常")
    assert dict(step.cause) == {"due": "2024-07-31", "due_from": "cell", "lag_days": "0"}
    line.run("2024-07-29 09:00")
    line.run("2024-07-30 09:00", 状态="已完成", 实际完成="2024-07-30")
    assert (history(line)[-1].move, dict(history(line)[-1].cause)) == ("T4", {"status": "已完成"})


def test_an_imported_state_stands_at_the_beginning():
    found = judge(guide(), snapshot(), now=NOW, zone=ZONE, clocks=clocks(), directory=directory())
    lives = {c.item.ref.record: explain_item(found, c).steps for c in found.world.contexts if c.item.kind == "task"}
    first, second = lives["RD-02"].history
    assert (first.move, first.after, first.at) == ("imported", "滞后预警已发", at("2024-07-22 09:00"))
    assert dict(first.cause)["deadline"] == "2024-07-24T09:00:00+08:00"
    assert (second.move, second.before, second.after, second.at) == ("T7", "滞后预警已发", "超时未说明", NOW)
    assert [step.move for step in lives["RD-05"].history] == ["imported"]  # nothing happened since
    for steps in lives.values():  # no state of the example without the transition that led to it
        assert steps.alert.state == (steps.history[-1].after if steps.history else "正常")


def test_a_state_older_than_the_record_is_said_to_be_so():
    line = Timeline.of({**QUIET, "截止日期": "2024-07-17"})
    line.items["T1"].memory = Memory(status="进行中", alert=Alert("滞后预警已发", at("2024-07-22 09:00"), at("2024-07-24 09:00"), 1))
    line.run("2024-07-24 10:00")
    assert [step.move for step in history(line)] == ["earlier", "T7"]
    assert "更早的变化没有记录" in of(line).text("zh")


def test_a_changed_parameter_is_a_cause():
    line = Timeline.of({**QUIET, "截止日期": "2024-07-17"})
    line.run("2024-07-22 09:00")
    line.run("2024-07-24 10:00")
    line.book = with_params(explain={"hours": 96, "mode": "workday24"})
    line.run("2024-07-24 11:00")
    step = history(line)[-1]
    assert (step.move, step.before, step.after) == ("rules", "超时未说明", "滞后预警已发")
    assert dict(step.cause) == {"deadline": "2024-07-26T09:00:00+08:00"}
    assert "参数已改" in of(line).text("zh")


def test_only_the_latest_transitions_are_kept():
    line = Timeline.of({**QUIET, "截止日期": "2024-07-17"})
    moment = date(2024, 7, 18).toordinal()
    for number in range(KEPT + 10):
        day = date.fromordinal(moment + number % 2)
        line.run(f"{day} {9 + number // 10:02}:{number % 10:02}", 截止日期="2024-07-31" if number % 2 else "2024-07-17")
    assert len(history(line)) == KEPT
    assert [step.before for step in history(line)[1:]] == [step.after for step in history(line)[:-1]]


def test_every_move_and_every_fact_has_its_words():
    facts = (
        ("rule", "LAG-02"), ("due", "2024-07-17"), ("due_from", "offered"), ("lag_days", "3"), ("notices", "1"),
        ("alert_at", "2024-07-22T09:00:00+08:00"), ("deadline", "2024-07-24T09:00:00+08:00"),
        ("escalate_at", "2024-07-25T09:00:00+08:00"), ("escalated_at", "2024-07-25T09:01:00+08:00"),
        ("answered_at", "2024-07-23T09:00:00+08:00"), ("new_due", "2024-07-31"), ("status", "待审核"), ("cycle", "2"),
        ("extended_to", "2024-08-01"), ("approved_by", "林晓雯"),
    )  # fmt: skip
    for move in MOVES:
        step = Transition(move, NOW, "正常", "临期", facts)
        assert move_said(move, "zh") != move_said(move, "en")
        assert len(cause_said(step, "zh").split("，")) >= len(facts)
        assert len(list(history_said([step], "en"))) == 2
        assert history_data([step], "en")[0]["cause"] == dict(facts)
