"""``duban explain`` as people use it, over the guide's own example in three tools."""

from __future__ import annotations

from typing import Any

import pytest
from played import KEY, NOW, Done, World, duban

FINDINGS = KEY["findings"]["A"]


@pytest.fixture(scope="module")
def told(story: Any) -> World:
    """The example after its first cycle."""
    return story.world


def explain(played: World, *words: str, now: str = NOW) -> Done:
    return duban("explain", *words, "-c", played.config, "--now", now)


@pytest.mark.parametrize("code", ["RD-08", "SL-02", "IS-03", "DS-04", "PJ-01"])
def test_a_row_of_every_kind_and_tool_is_explained(told: World, code: str) -> None:
    done = explain(told, code, "--json")
    assert done.code == 0, done.err
    (item,) = done.json["items"]
    assert (done.json["tables"], done.json["rules"]) == ([], [])
    assert item["rules"] == sorted(FINDINGS[code]["rules"])
    assert [each["rule"] for each in item["judged"] if each["holds"]] != []
    for life in item["clocks"]:
        assert sum(part["seconds"] for part in life["segments"]) == life["wall_seconds"]
        assert sum(part["counted_seconds"] for part in life["segments"]) == life["counted_seconds"]


def test_what_the_first_cycle_did_is_in_the_history(told: World) -> None:
    (item,) = explain(told, "RD-08", "--json").json["items"]
    assert [(step["move"], step["before"], step["after"]) for step in item["ladder"]["history"]] == [
        ("imported", None, "已说明"), ("T10", "已说明", "滞后预警已发"),
    ]  # fmt: skip
    assert item["ladder"]["history"][1]["cause"] == {
        "due": "2024-07-19", "due_from": "accepted", "lag_days": "3", "notices": "2",
        "deadline": "2024-07-26T10:00:00+08:00", "rule": "LAG-02",
    }  # fmt: skip
    assert item["ladder"]["moves"] == [{"id": "T5", "sentence": "预警已发，等待说明，时限未到"}]


def test_a_code_in_two_tools_is_explained_twice_and_a_ref_once(told: World) -> None:
    twice = explain(told, "SL-05", "--json").json["items"]
    assert sorted(item["source"] for item in twice) == ["market", "sales"]
    ref = "/".join(twice[0][part] for part in ("source", "table", "record"))
    (once,) = explain(told, ref, "--json").json["items"]
    assert once == twice[0]


def test_a_table_a_table_rule_and_an_item_rule(told: World) -> None:
    (table,) = explain(told, "sales/channel", "--json").json["tables"]
    missing = FINDINGS["table:at_tasks"]["missing"]
    assert table["rules"] == FINDINGS["table:at_tasks"]["rules"]
    assert {"PLN-03", "PLN-09", "ACC-03", "ACC-04"} <= set(table["not_applicable"]["task"])
    assert {field for fields in table["not_applicable"]["task"].values() for field in fields} <= set(missing)
    tables = explain(told, "CFG-01", "--json").json["tables"]
    assert len(tables) == 8
    assert {each["table"] for each in tables if "RAC-05" in each["rules"]} == {"tasks"}
    (rule,) = explain(told, "LAG-02", "--json").json["rules"]
    wanted = sorted(name for name, row in FINDINGS.items() if "LAG-02" in row["rules"])
    assert sorted(each["code"] for each in rule["holds"]) == wanted
    assert explain(told, "CFG-02").out.startswith("系统")


@pytest.mark.parametrize(
    ("word", "hint"), [("RD-99", "did you mean RD-09?"), ("rd-02 ", "did you mean RD-02?"),
                       ("天气", "duban findings lists them")],
)  # fmt: skip
def test_an_unknown_word_is_a_mistake_with_the_nearest_one(told: World, word: str, hint: str) -> None:
    done = explain(told, word)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"there is no item {word}, and no table or rule of that name; ")
    assert hint in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("now", ["2024-08-30T10:00:00+08:00", "2031-01-02T10:00:00+08:00"])
def test_other_moments_are_explained_as_well_and_change_nothing(told: World, now: str) -> None:
    before = told.ledger.read_bytes()
    (item,) = explain(told, "RD-03", "--json", now=now).json["items"]
    assert item["now"] == now
    assert item["ladder"]["history"][0]["move"] == "imported"
    assert item["uncovered_years"] == [year for year in range(2027, 2032) if now.startswith("2031")]
    assert told.ledger.read_bytes() == before


def test_english_all_the_way(told: World) -> None:
    plain = told.config.read_text(encoding="utf-8")
    try:
        told.change_config(language="en")
        done = explain(told, "RD-02")
    finally:
        told.config.write_text(plain, encoding="utf-8")
    assert done.code == 0, done.err
    assert "T7 滞后预警已发 -> 超时未说明  the time is over without a complete answer" in done.out
    assert "told: 张磊 (owner), 陈志远 (R_head)" in done.out
    assert "49 h elapsed, 49 h counted" in done.out
