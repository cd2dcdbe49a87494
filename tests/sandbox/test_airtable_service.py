"""The simulated Airtable is strict and odd where the fact sheet says so (its section 14): access, reading, limits."""

import json

import pytest
from airtable_wire import World

from duban.sandbox.airtable import AirtableService


@pytest.fixture
def world(monkeypatch):
    monkeypatch.setattr(AirtableService, "url", "http://127.0.0.1:1")
    return World()


# --- who may


def test_a_missing_or_unknown_token_is_401(world):
    error = {"type": "AUTHENTICATION_REQUIRED", "message": "Authentication required"}
    assert world.rows(token="") == (401, {"error": error})
    assert world.error(world.rows(token="patX")) == (401, "UNAUTHORIZED")


def test_unknown_and_not_granted_look_alike(world):
    blind = world.service.add_token(roles={})
    unknown = world.ask("GET", "/v0/appXXXXXXXXXXXXXX/Tasks")
    assert unknown == world.rows(token=blind) == world.rows(table="Nothing")
    assert world.error(unknown) == (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")
    world.service.switches.missing_table = 404
    assert world.error(world.rows(table="Nothing")) == (404, "TABLE_NOT_FOUND")


def test_scope_and_role_are_both_needed(world):
    body = {"records": [{"fields": {"Name": "x"}}]}
    reader = world.service.add_token(role="read")
    narrow = world.service.add_token(scopes=["data.records:read"])
    assert world.error(world.rows("POST", body, token=reader)) == (403, "INVALID_PERMISSIONS")
    assert world.error(world.rows("POST", body, token=narrow)) == (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")
    assert world.rows(token=narrow)[0] == 200
    schema = f"/v0/meta/bases/{world.base.id}/tables"
    assert world.error(world.ask("GET", schema, token=narrow))[0] == 403
    editor = world.service.add_token(role="edit")
    assert world.error(world.ask("POST", schema, {"name": "More"}, token=editor)) == (403, "INVALID_PERMISSIONS")


def test_unknown_paths_are_404_in_a_bare_word(world):
    assert world.ask("GET", "/v1/whatever") == (404, {"error": "NOT_FOUND"})
    assert world.ask("GET", f"/v0/meta/bases/{world.base.id}/nothing") == (404, {"error": "NOT_FOUND"})


# --- listing


def test_pages_need_their_own_offset(world):
    for number in range(7):
        world.tasks.add_row({"Name": str(number)})
    _, first = world.rows(pageSize=3)
    assert len(first["records"]) == 3
    offset = first["offset"]
    assert (offset[:3], offset[17:21]) == ("itr", "/rec")
    other = world.service.add_token()
    assert world.error(world.rows(pageSize=3, offset=offset, token=other)) == (422, "INVALID_OFFSET_VALUE")
    assert world.error(world.rows(pageSize=2, offset=offset)) == (422, "INVALID_OFFSET_VALUE")
    assert world.error(world.rows(pageSize=3, offset="mangled")) == (422, "INVALID_OFFSET_VALUE")
    assert world.rows(pageSize=3, offset=offset) == world.rows(pageSize=3, offset=offset)
    assert world.rows(pageSize=3, offset="")[1]["records"] == first["records"]


def test_iterators_die_of_silence_and_on_demand(world):
    for number in range(3):
        world.tasks.add_row({"Name": str(number)})
    offset = world.rows(pageSize=1)[1]["offset"]
    world.service.clock.advance(world.service.switches.iterator_idle + 1)
    assert world.rows(pageSize=1, offset=offset) == (422, {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}})
    offset = world.rows(pageSize=1)[1]["offset"]
    world.service.expire_iterators()
    assert world.error(world.rows(pageSize=1, offset=offset)) == (422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE")


def test_a_read_is_no_snapshot(world):
    ids = sorted(world.tasks.add_row({"Name": str(number)}) for number in range(4))
    offset = world.rows(pageSize=2)[1]["offset"]
    world.tasks.delete_row(ids[0])
    rest = [record["id"] for record in world.rows(pageSize=2, offset=offset)[1]["records"]]
    assert rest == [ids[3]]  # ids[2] slipped onto the page that was already read
    world.service.switches.drift = False
    offset = world.rows(pageSize=1)[1]["offset"]
    world.tasks.delete_row(ids[1])
    assert [record["id"] for record in world.rows(pageSize=1, offset=offset)[1]["records"]] == [ids[2]]


def test_short_and_empty_pages_still_have_a_successor(world):
    ids = {world.tasks.add_row({"Name": str(number)}) for number in range(20)}
    world.service.switches.short_pages = 2
    sizes, seen, offset = [], set(), ""
    while True:
        _, page = world.rows(pageSize=4, offset=offset)
        sizes.append(len(page["records"]))
        seen |= {record["id"] for record in page["records"]}
        if "offset" not in page:
            break
        assert page["offset"] != offset
        offset = page["offset"]
    assert seen == ids
    assert {0, 2, 4} <= set(sizes)


def test_the_default_order_can_be_arbitrary(world):
    ids = [world.tasks.add_row({"Name": str(number)}) for number in range(30)]
    assert [record["id"] for record in world.rows()[1]["records"]] == sorted(ids)
    world.service.switches.shuffle = True
    assert [record["id"] for record in world.rows()[1]["records"]] != sorted(ids)


def test_parameters_of_a_read(world):
    record = world.tasks.add_row({"Name": "x", "Count": 0, "Note": ""})
    name, count = world.tasks.field("Name").id, world.tasks.field("Count").id
    [row] = world.rows(returnFieldsByFieldId=1)[1]["records"]
    assert row == {"id": record, "createdTime": "2026-02-25T06:13:20.000Z", "fields": {name: "x", count: 0}}
    assert world.rows(**{"fields[]": ["Count"]})[1]["records"][0]["fields"] == {"Count": 0}
    assert world.rows(**{"fields[]": [name]})[1]["records"][0]["fields"] == {"Name": "x"}
    assert world.error(world.rows(**{"fields[]": ["X"]})) == (422, "UNKNOWN_FIELD_NAME")
    assert world.error(world.rows(cellFormat="string"))[0] == 422
    text = world.rows(cellFormat="string", timeZone="UTC", userLocale="en")[1]["records"][0]["fields"]
    assert text == {"Name": "x", "Count": "0"}
    path = f"/v0/{world.base.id}/Tasks/listRecords"
    assert world.ask("POST", path, {"fields": ["Count"], "returnFieldsByFieldId": True})[1]["records"][0]["fields"] == {
        count: 0
    }
    assert world.rows(filterByFormula="x" * 16_000)[0] == 414


def test_views_filter_and_order_but_hide_nothing(world):
    for number in (1, 3, 2):
        world.tasks.add_row({"Name": str(number), "Note": "hidden", "Count": number})
    view = world.tasks.add_view("Big", "{Count} > 1", [("Count", "desc")])
    for name in (view, "Big"):
        fields = [record["fields"] for record in world.rows(view=name)[1]["records"]]
        assert [row["Count"] for row in fields] == [3, 2]
        assert fields[0]["Note"] == "hidden"


def test_table_names_may_hold_slashes(world):
    other = world.base.add_table("Tasks/会议", [("Name", "singleLineText")])
    row = other.add_row({"Name": "x"})
    assert world.rows(table="Tasks/会议")[1]["records"][0]["id"] == row
    assert world.ask("GET", f"/v0/{world.base.id}/Tasks/会议/{row}")[1]["id"] == row


# --- limits


def test_the_sixth_request_in_a_second_locks_the_base_for_all_tokens(world):
    world.service.switches.limits = "strict"
    other = world.service.add_token(user=world.service.add_user("Other"))
    assert [world.rows()[0] for _ in range(5)] == [200] * 5
    assert world.error(world.rows(token=other)) == (429, "RATE_LIMIT_REACHED")
    world.service.clock.advance(29)
    assert world.rows()[0] == 429
    world.service.clock.advance(1.1)
    assert world.rows()[0] == 200
    assert world.service.limiter.breaches == 2


def test_soft_limits_only_wait_for_the_window(world):
    world.service.switches.limits = "soft"
    assert [world.rows()[0] for _ in range(6)] == [200] * 5 + [429]
    world.service.clock.advance(1.01)
    assert world.rows()[0] == 200


def test_a_user_has_fifty_a_second_over_all_bases(world):
    world.service.switches.limits = "strict"
    assert {world.ask("GET", "/v0/meta/whoami")[0] for _ in range(50)} == {200}
    assert world.rows()[0] == 429


def test_bodies_of_429(world):
    world.service.switches.limits = "strict"
    for _ in range(5):
        world.rows()
    forms = {}
    for world.service.switches.too_fast_body in ("object", "list", "bare"):
        forms[world.service.switches.too_fast_body] = world.rows()[1]
    assert forms["object"]["error"]["type"] == forms["list"]["errors"][0]["error"] == forms["bare"]["error"]


def test_a_spent_month_stops_data_but_not_metadata(world):
    world.service.switches.monthly_calls = 2
    assert [world.rows()[0] for _ in range(2)] == [200, 200]
    assert world.error(world.rows()) == (429, "PUBLIC_API_BILLING_LIMIT_EXCEEDED")
    assert world.ask("GET", f"/v0/meta/bases/{world.base.id}/tables")[0] == 200


# --- the whole state


def test_the_same_seed_gives_the_same_ids_and_a_dump_can_be_loaded(world):
    world.tasks.add_row({"Name": "x", "Count": 3})
    again = World()
    again.tasks.add_row({"Name": "x", "Count": 3})
    assert again.service.dump() == world.service.dump()
    dumped = json.loads(json.dumps(world.service.dump()))
    fresh = AirtableService(seed=9)
    fresh.load(dumped)
    assert fresh.dump() == world.service.dump()
    assert list(fresh.base("Works").table("Tasks").dump().values()) == [{"Name": "x", "Count": 3}]


def test_names_change_and_ids_stay(world):
    world.tasks.add_field("S", "singleSelect", ["A"])
    record = world.tasks.add_row({"Name": "x", "S": "A"})
    world.tasks.rename_choice("S", "A", "Z")
    world.tasks.rename_field("S", "Status")
    world.tasks.rename("Jobs")
    assert world.rows(table="Jobs")[1]["records"][0]["fields"] == {"Name": "x", "Status": "Z"}
    world.tasks.delete_field("Status")
    assert world.tasks.cells(record) == {"Name": "x"}
    world.base.delete_table("Jobs")
    assert world.rows(table="Jobs")[0] == 403
