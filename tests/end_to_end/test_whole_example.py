"""The guide's worked example, from the command line to the cells of three tools, against its answer key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from played import KEY, NOW, World, duban, run, world

FINDINGS = KEY["findings"]["A"]
ROWS = [name for name in FINDINGS if not name.startswith("table:")]
PLACES = {"table:tb_rd": "rd_tasks", "table:fs_task": "tasks", "table:at_tasks": "channel"}


def iso(text: str | None) -> str | None:
    return None if text is None else f"{text.replace(' ', 'T')}:00+08:00"


# --- what is judged


def test_the_run_is_whole(story: Any) -> None:
    assert (story.imported.code, story.first.code) == (0, 0), story.first.err
    document = story.first.json
    assert document["complete"] is True
    assert document["now"] == NOW
    assert document["system"] == []
    assert {table["read"] for table in document["tables"]} == {"complete"}
    assert len(document["items"]) == len(ROWS) == 62
    assert story.first.err == ""


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_judged_as_the_key_says(story: Any, name: str) -> None:
    key, item = FINDINGS[name], story.world.item(story.first.json, name)
    wanted = {"rules": sorted(key["rules"]), "level": key["level"]}
    wanted |= {field: key[field] for field in ("state", "lag_days", "sla") if field in key}
    wanted |= {field: iso(key[field]) for field in ("alert_at", "explain_deadline") if field in key}
    wanted |= {"sla_due": iso(key["deadline"])} if "deadline" in key else {}
    wanted |= {"notices": key["notice_no"]} if "notice_no" in key else {}
    assert {field: item[field] for field in wanted} == wanted
    assert sorted(item["texts"]) == wanted["rules"]
    assert all(item["texts"].values())


def test_tables_are_judged_as_the_key_says(story: Any) -> None:
    tables = {table["table"]: table for table in story.first.json["tables"]}
    wanted = {PLACES[name]: FINDINGS[name] for name in FINDINGS if name in PLACES}
    assert {label: tables[label]["rules"] for label in wanted} == {label: key["rules"] for label, key in wanted.items()}
    assert {label: tables[label]["unmapped"] for label in wanted if "missing" in wanted[label]} == {
        label: key["missing"] for label, key in wanted.items() if "missing" in key
    }
    assert [table["rules"] for label, table in tables.items() if label not in wanted] == [[]] * 5
    assert [table["own_missing"] for table in tables.values()] == [[]] * 8


# --- what is written


def test_no_human_cell_of_any_tool_changed(story: Any) -> None:
    assert story.human_after == story.human_before
    assert len(story.human_before) == 62


def test_the_own_cells_were_empty_and_now_hold_what_the_key_says(story: Any) -> None:
    own = {name: set(story.world.seeded.place_of(name).sheet.own) for name in ROWS}
    assert not any(own[name] & story.before[name].keys() for name in ROWS)
    for name, wanted in KEY["writeback_examples"].items():
        assert {heading: story.after[name].get(heading) for heading in wanted["set"]} == wanted["set"]
        for heading in wanted.get("must_not_touch", ()):
            assert story.after[name].get(heading) == story.before[name].get(heading)


@pytest.mark.parametrize("name", ROWS)
def test_the_cells_say_what_the_document_says(story: Any, name: str) -> None:
    item, cells = story.world.item(story.first.json, name), story.after[name]
    places = {own.key: heading for heading, own in story.world.seeded.place_of(name).sheet.own.items()}
    assert cells[places["alert_level"]] == item["level"]
    assert cells.get(places["alert_rules"]) == (",".join(item["rules"]) or None)
    text = cells.get(places["alert_text"]) or ""
    assert all(rule in text for rule in item["rules"])
    if item["kind"] == "task":
        assert cells[places["alert_state"]] == item["state"]
        assert cells.get(places["lag_days"]) == item["lag_days"]
        assert cells[places["sla_state"]] == item["sla"]


def test_three_tools_show_one_vocabulary_of_statuses_and_who_waits_for_whom(story: Any) -> None:
    after = story.after
    assert [after[name].get("规范状态") for name in ("RD-02", "RD-10", "RD-13", "MK-06", "CS-01")] == [
        "进行中", "待审核", None, "未开始", "待审核"
    ]  # fmt: skip
    assert [after[name].get("Canonical status") for name in ("SL-01", "SL-03", "SL-08", "SL-09")] == [
        "已完成", "进行中", None, "取消"
    ]  # fmt: skip
    assert after["MK-06"]["上游状态"] == "RD-03 进行中 滞后3个工作日"  # from Feishu into Teambition
    assert after["SL-05"]["Upstream status"] == "MK-01 已完成"  # from Airtable into Feishu
    assert after["MK-12"]["上游状态"] == "RD-99 (not found)"


def test_the_own_column_that_is_off_by_default_stays_empty(story: Any) -> None:
    assert not any("系统核查时间" in cells or "Last checked" in cells for cells in story.after.values())


# --- what is said


def messages(document: Any, template: str) -> list[Any]:
    return [message for message in document["messages"] if message["template"] == template]


def test_notices_and_escalations_go_out_once(story: Any) -> None:
    document = story.first.json
    notices = {m["code"]: story.world.item(document, m["code"])["notices"] for m in messages(document, "进度预警通知")}
    assert notices == KEY["notices_to_send"]["A"]
    assert sorted(m["code"] for m in messages(document, "升级上报")) == KEY["escalations_to_send"]["A"]
    keys = [message["key"] for message in document["messages"]]
    assert len(keys) == len(set(keys))
    assert {message["status"] for message in document["messages"]} == {"sent"}


@pytest.mark.parametrize("wanted", KEY["recipients"], ids=lambda wanted: wanted["row"])
def test_messages_reach_the_people_of_the_key(story: Any, wanted: Any) -> None:
    found = [m for m in story.first.json["messages"] if (m["code"], m["rule"]) == (wanted["row"], wanted["rule"])]
    assert len(found) == 1
    assert {role: sorted(found[0][role]) for role in ("to", "cc", "esc")} == {
        role: sorted(wanted.get(role, ())) for role in ("to", "cc", "esc")
    }


def test_states_changed_as_the_key_says(story: Any) -> None:
    before = {line.name: line.state.get("alert_state") for line in story.world.seeded.scenario.lines}
    document = story.first.json
    changed = {}
    for name in ROWS:
        now = story.world.item(document, name)["state"]
        if story.world.item(document, name)["kind"] == "task" and now != before[name]:
            changed[name] = [before[name], now]
    assert {name: change for name, change in changed.items() if name in KEY["state_changes"]["A"]} == KEY["state_changes"]["A"]
    # Besides those the key lists, only rows whose file says 正常 and whose key says 临期.
    assert {tuple(change) for name, change in changed.items() if name not in KEY["state_changes"]["A"]} <= {("正常", "临期")}


# --- once more


def test_the_same_run_again_writes_nothing_and_says_nothing(story: Any) -> None:
    assert story.second.code == 0
    document = story.second.json
    wanted = KEY["second_run_same_now"]
    assert (document["changes"]["written"], document["changes"]["planned"]) == (wanted["writes"], 0)
    assert len(document["messages"]) == wanted["messages"]
    assert document["changes"]["unchanged"] == 62
    assert all(requests["write"] == 0 for requests in document["requests"].values())
    assert story.world.rows() == story.after
    items, again = story.first.json["items"], document["items"]
    assert again == items


def test_no_service_was_asked_too_fast(story: Any) -> None:
    statuses = [entry.status for entry in story.world.journal]
    assert 429 not in statuses
    assert set(statuses) == {200}
    assert sum(story.first.json["requests"][name]["retried"] for name in ("rd", "market", "sales")) == 0


# --- looking only


def test_findings_write_nothing_anywhere(tmp_path: Path) -> None:
    with world(tmp_path / "example") as fresh:
        before = fresh.rows()
        done = duban("findings", "-c", fresh.config, "--now", NOW, "--json")
        assert done.code == 0
        assert len(done.json["items"]) == 62
        assert not list(fresh.folder.glob("duban.db*"))  # not even an empty ledger
        assert fresh.rows() == before
        assert {entry.method for entry in fresh.seeded.airtable.journal} == {"GET"}


def test_shadow_mode_shows_and_writes_nothing(example: World) -> None:
    example.change_config(mode="shadow")
    before = example.rows()
    document = example.sync().json
    assert document["changes"] == {"planned": 62, "written": 0, "unchanged": 0, "stale": 0, "held": 0, "failed": 0}
    assert {message["status"] for message in document["messages"]} == {"shadow"}
    assert example.rows() == before
    again = example.sync().json
    assert (again["messages"], again["changes"]["written"]) == ([], 0)


def test_a_table_may_be_live_alone(example: World) -> None:
    example.change_config(mode="shadow", sources={"sales": {"mode": "live"}})
    before = example.rows()
    document = example.sync().json
    assert document["changes"]["written"] == 10
    changed = {name for name, cells in example.rows().items() if cells != before[name]}
    assert changed == example.names("channel")


# --- plans


def test_a_saved_plan_is_applied_but_not_over_a_row_that_changed_since(example: World, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    assert duban("plan", "-c", example.config, "--now", NOW, "-o", plan).code == 0
    example.seeded.edit("RD-03", {"预警级别": "绿"})  # somebody meddles
    human = example.human()
    done = duban("apply", plan, "-c", example.config, "--json")
    assert done.code == 3
    outcomes = {each["record"]: each for each in done.json["outcomes"]}
    stale = [each for each in outcomes.values() if each["outcome"] != "written"]
    assert [each["record"] for each in stale] == [example.seeded.place_of("RD-03").records["RD-03"]]
    assert stale[0]["outcome"] == "stale"
    assert "预警级别" in stale[0]["error"]
    assert len(outcomes) == 62
    own = example.own()
    assert own["RD-03"] == {"预警级别": "绿"}
    for change in json.loads(plan.read_text(encoding="utf-8"))["changes"]:
        if change["code"] == "RD-02":
            assert own["RD-02"]["预警级别"] == change["cells"]["预警级别"]["after"] == "红"
    assert example.human() == human


def test_a_plan_of_another_configuration_is_refused(example: World, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    duban("plan", "-c", example.config, "--now", NOW, "-o", plan, "--source", "sales")
    example.change_config(language="en")
    before = example.rows()
    done = duban("apply", plan, "-c", example.config)
    assert done.code == 2
    assert "duban plan" in done.err
    assert example.rows() == before


def test_a_held_plan_waits_for_yes_and_starts_no_clock(example: World) -> None:
    example.change_config(limits={"records": 5})
    before = example.rows()
    first = example.sync()
    document = first.json
    assert first.code == 4
    held = {table["table"]: table["changes"] for table in document["held"]}
    assert held == {"rd_tasks": 14, "tasks": 16, "channel": 10, "problems": 9}
    changed = {name for name, cells in example.rows().items() if cells != before[name]}
    assert changed == example.names("risks", "meetings", "resources", "projects")
    assert not any(message["code"].startswith(("RD-", "SL-", "MK-")) for message in document["messages"])
    released = example.sync("--yes")
    assert released.code == 0
    notices = {m["code"] for m in messages(released.json, "进度预警通知")}
    assert notices == set(KEY["notices_to_send"]["A"])
    assert example.own()["RD-03"]["预警时间"] == "2024-07-24 10:00"


def test_a_source_alone_is_judged_with_what_is_known_of_the_others(story: Any) -> None:
    calls = len(story.world.seeded.teambition.journal)
    document = duban("findings", "-c", story.world.config, "--now", NOW, "--source", "market", "--json").json
    assert {table["source"] for table in document["tables"]} == {"market"}
    assert len(story.world.seeded.teambition.journal) == calls
    for name in story.world.names("tasks"):  # their upstream tasks are rows of Teambition and Airtable, too
        assert story.world.item(document, name) == story.world.item(story.first.json, name)


# --- secrets


def test_secrets_stand_nowhere(story: Any, tmp_path: Path) -> None:
    played: World = story.world
    keys = played.seeded.keys
    secrets = [keys.feishu_secret, keys.teambition_secret, keys.airtable_token]
    secrets += [app.current for app in played.seeded.feishu.world.apps.values()]
    plan = tmp_path / "plan.json"
    planned = duban("--debug", "plan", "-c", played.config, "--now", "2024-07-25T10:00:00+08:00", "-o", plan, "--json")
    (played.folder / "secrets" / "airtable-token").write_text("patWrong.0000", encoding="utf-8")
    refused = run("--debug", "sync", "-c", played.config, "--now", NOW, "--source", "sales")
    (played.folder / "secrets" / "airtable-token").write_text(keys.airtable_token, encoding="utf-8")
    assert refused.code == 3
    exported = duban("state", "export", "-c", played.config)
    written = [done.out + done.err for done in (story.first, story.second, planned, refused, exported)]
    written += [plan.read_text(encoding="utf-8"), played.config.read_text(encoding="utf-8")]
    written += [file.read_bytes().decode("utf-8", "replace") for file in played.folder.glob("duban.db*")]
    assert len(written) >= 8
    for secret in (*secrets, "patWrong.0000"):
        assert len(secret) >= 10
        assert [text for text in written if secret in text] == []


def test_secret_files_are_their_owners_alone(story: Any) -> None:
    modes = {file.stat().st_mode & 0o777 for file in (story.world.folder / "secrets").iterdir()}
    assert modes == {0o600}
