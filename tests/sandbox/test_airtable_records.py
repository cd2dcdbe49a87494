"""Writing records in the simulated Airtable: types, batches, links, computed fields (fact sheet section 14)."""

import pytest
from airtable_wire import NOON, World

from duban.sandbox.airtable import AirtableService


@pytest.fixture
def world(monkeypatch):
    monkeypatch.setattr(AirtableService, "url", "http://127.0.0.1:1")
    return World()


def test_batches_are_ten_and_all_or_nothing(world):
    world.tasks.add_field("No.", "autoNumber")
    bad = {"records": [{"fields": {"Name": "a"}}, {"fields": {"Count": "no number"}}]}
    assert world.error(world.rows("POST", bad)) == (422, "INVALID_VALUE_FOR_COLUMN")
    assert world.tasks.dump() == {}
    assert world.error(world.rows("POST", {"records": [{"fields": {}}] * 11})) == (422, "INVALID_RECORDS")
    assert world.error(world.rows("POST", {"records": []})) == (422, "INVALID_RECORDS")
    _, made = world.rows("POST", {"records": [{"fields": {"Name": "a"}}, {"fields": {}}]})
    assert [record["fields"]["No."] for record in made["records"]] == [1, 2]
    ids = [record["id"] for record in made["records"]]
    half = {"records": [{"id": ids[0], "fields": {"Name": "b"}}, {"id": "recAAAAAAAAAAAAAA", "fields": {}}]}
    assert world.error(world.rows("PATCH", half)) == (422, "ROW_DOES_NOT_EXIST")
    assert world.tasks.cells(ids[0])["Name"] == "a"
    assert world.error(world.ask("PATCH", f"/v0/{world.base.id}/Tasks/recAAAAAAAAAAAAAA", {"fields": {}})) == (
        404, "MODEL_ID_NOT_FOUND",
    )  # fmt: skip


CASES = [
    ("singleLineText", None, "text", "text"),
    ("singleLineText", None, 5, None),
    ("multilineText", None, "a\nb", "a\nb"),
    ("richText", None, "* one\n* two", "- one\n- two\n"),
    ("email", None, "li@example.com", "li@example.com"),
    ("url", None, "https://example.com", "https://example.com"),
    ("phoneNumber", None, "12", "12"),
    ("number", None, 1.5, 1.5),
    ("number", None, 0, 0),
    ("number", None, "1", None),
    ("number", None, True, None),
    ("currency", None, 9.99, 9.99),
    ("percent", None, 0.123, 0.123),
    ("duration", None, 90, 90),
    ("rating", None, 3, 3),
    ("rating", None, 0, None),
    ("rating", None, 6, None),
    ("checkbox", None, True, True),
    ("checkbox", None, "yes", None),
    ("singleSelect", ["A", "B "], "B ", "B "),
    ("singleSelect", ["A", "B "], "B", None),
    ("multipleSelects", ["A", "B"], ["B", "A"], ["B", "A"]),
    ("multipleSelects", ["A", "B"], "A", None),
    ("date", None, "2026-03-09", "2026-03-09"),
    ("date", None, "2026-03-09T10:00:00Z", "2026-03-09"),
    ("date", None, "2026-02-30", None),
    ("dateTime", None, "2026-03-09T15:00:00+08:00", "2026-03-09T07:00:00.000Z"),
    ("dateTime", {"timeZone": "Asia/Shanghai"}, "2026-03-09T15:00:00", "2026-03-09T07:00:00.000Z"),
    ("dateTime", None, "2026-03-09T15:00:00", "2026-03-09T15:00:00.000Z"),
    ("dateTime", None, 1640520000000, "2021-12-26T12:00:00.000Z"),
    ("dateTime", None, "soon", None),
    ("multipleAttachments", None, "https://example.com/a.pdf", None),
    ("barcode", None, {"text": "12", "type": "upce"}, {"text": "12", "type": "upce"}),
    ("formula", {"formula": "1"}, 1, None),
    ("autoNumber", None, 1, None),
    ("aiText", None, "x", None),
    ("fieldOfTheFuture", None, "x", None),
]


@pytest.mark.parametrize(("kind", "options", "sent", "read"), CASES)
def test_cells_of_every_type(world, kind, options, sent, read):
    world.tasks.add_field("F", kind, options)
    record = world.tasks.add_row({"Name": "x"})
    status, body = world.set(record, {"F": sent})
    if read is None:
        assert status == 422
        assert world.tasks.data.rows[record].touched.keys() == {world.tasks.data.primary}
    else:
        assert body["records"][0]["fields"]["F"] == read
        cleared = world.set(record, {"F": None})[1]["records"][0]["fields"]
        assert cleared.get("F") == ("\n" if kind == "richText" else None)


def test_people_and_attachments(world):
    li, wang = world.service.add_user("Li"), world.service.add_user("Wang", "wang@example.com")
    world.tasks.add_field("Owner", "singleCollaborator")
    world.tasks.add_field("Team", "multipleCollaborators")
    world.tasks.add_field("Files", "multipleAttachments")
    record = world.tasks.add_row({"Name": "x"})
    fields = {
        "Owner": {"email": "wang@example.com"}, "Team": [li.id, {"id": wang.id}],
        "Files": [{"url": "https://example.com/a.pdf"}],
    }  # fmt: skip
    read = world.set(record, fields)[1]["records"][0]["fields"]
    assert read["Owner"] == {"id": wang.id, "email": "wang@example.com", "name": "Wang"}
    assert [person["name"] for person in read["Team"]] == ["Li", "Wang"]
    assert (read["Files"][0]["id"][:3], read["Files"][0]["filename"]) == ("att", "a.pdf")
    assert world.error(world.set(record, {"Owner": {"id": "usrNobody"}})) == (422, "INVALID_VALUE_FOR_COLUMN")
    put = world.ask("PUT", f"/v0/{world.base.id}/Tasks/{record}", {"fields": {"Note": "n"}})
    assert put[1]["fields"] == {"Note": "n"}


def test_typecast_pollutes(world):
    projects = world.base.add_table("Projects", [("Title", "singleLineText")])
    known = projects.add_row({"Title": "known"})
    world.tasks.add_field("S", "singleSelect", ["A"])
    world.tasks.add_field("Project", "multipleRecordLinks", {"linkedTableId": "Projects"})
    record = world.tasks.add_row({"Name": "x"})
    fields = {"S": "B", "Project": "known, new"}
    assert world.set(record, fields)[0] == 422
    assert len(projects.dump()) == 1
    bad = {"S": "C", "Count": []}
    assert world.set(record, bad, typecast=True)[0] == 422
    assert len(world.tasks.field("S").choices()) == 1
    read = world.set(record, fields, typecast=True)[1]["records"][0]["fields"]
    assert read["S"] == "B"
    assert [choice["name"] for choice in world.tasks.field("S").choices()] == ["A", "B"]
    assert read["Project"][0] == known
    assert [row["Title"] for row in projects.dump().values()] == ["known", "new"]


def test_links_have_two_ends(world):
    projects = world.base.add_table("Projects", [("Title", "singleLineText")])
    world.tasks.add_field("Project", "multipleRecordLinks", {"linkedTableId": "Projects"})
    project = projects.add_row({"Title": "P"})
    task = world.tasks.add_row({"Name": "x"})
    world.service.clock.advance(60)
    assert world.error(world.set(task, {"Project": ["recAAAAAAAAAAAAAA"]})) == (422, "ROW_DOES_NOT_EXIST")
    world.set(task, {"Project": [project]})
    assert projects.cells(project)["Tasks"] == [task]
    assert projects.data.rows[project].modified == NOON + 60
    projects.add_field("Tasks read", "count", {"recordLinkFieldId": "Tasks"})
    projects.edit(project, {"Tasks": None})
    assert "Project" not in world.tasks.cells(task)
    assert projects.cells(project)["Tasks read"] == 0
    projects.edit(project, {"Tasks": [task]})
    world.tasks.delete_row(task)
    assert "Tasks" not in projects.cells(project)


def test_computed_fields_follow_their_sources_without_moving_the_modified_time(world):
    projects = world.base.add_table("Projects", [("Title", "singleLineText"), ("Budget", "number")])
    world.tasks.add_field("Project", "multipleRecordLinks", {"linkedTableId": "Projects"})
    link = {"recordLinkFieldId": "Project", "fieldIdInLinkedTable": "Budget"}
    world.tasks.add_field("Budgets", "multipleLookupValues", link)
    world.tasks.add_field("Sum", "rollup", {**link, "aggregation": "SUM"})
    world.tasks.add_field("Text", "formula", {"formula": "{Name} & ': ' & {Project} & ' ' & {Sum}"})
    world.tasks.add_field("Ratio", "formula", {"formula": "{Count} / 0"})
    world.tasks.add_field("Broken", "formula", {"formula": "ERROR()"})
    rows = [projects.add_row({"Title": name, "Budget": budget}) for name, budget in (("P", 5), ("Q", 7))]
    task = world.tasks.add_row({"Name": "x", "Project": rows})
    cells = world.tasks.cells(task)
    assert cells["Budgets"] == [5, 7]
    assert cells["Sum"] == 12
    assert cells["Text"] == "x: P, Q 12"
    assert (cells["Ratio"], cells["Broken"]) == ({"specialValue": "NaN"}, {"error": "#ERROR!"})
    before = world.tasks.data.rows[task].modified
    world.service.clock.advance(60)
    projects.edit(rows[0], {"Budget": 6})
    assert world.tasks.cells(task)["Budgets"] == [6, 7]
    assert world.tasks.data.rows[task].modified == before
    lonely = world.tasks.add_row({"Name": "y"})
    assert world.tasks.cells(lonely)["Sum"] == {"specialValue": "NaN"}


def test_modified_times_are_per_field_and_authors_are_the_tokens_users(world):
    bot = world.service.add_user("Bot")
    token = world.service.add_token(user=bot)
    world.tasks.add_field("Changed", "lastModifiedTime")
    world.tasks.add_field("Name changed", "lastModifiedTime", {"referencedFieldIds": ["Name"]})
    world.tasks.add_field("By", "lastModifiedBy")
    record = world.tasks.add_row({"Name": "x", "Note": "n"})
    world.service.clock.advance(100)
    body = {"records": [{"id": record, "fields": {"Note": "n"}}]}
    world.rows("PATCH", body, token=token)
    assert world.tasks.cells(record)["By"]["name"] == "Owner"  # nothing changed
    body["records"][0]["fields"]["Note"] = "m"
    world.rows("PATCH", body, token=token)
    cells = world.tasks.cells(record)
    assert cells["By"]["name"] == "Bot"
    assert cells["Changed"] == "2026-02-25T06:15:00.000Z"
    assert cells["Name changed"] == "2026-02-25T06:13:20.000Z"
    since = "IS_AFTER(LAST_MODIFIED_TIME({%s}), '2026-02-25T06:14:00Z')"
    assert len(world.rows(filterByFormula=since % "Note")[1]["records"]) == 1
    assert len(world.rows(filterByFormula=since % "Name")[1]["records"]) == 0
    world.service.clock.advance(100)
    world.service.switches.always_bump = True
    world.rows("PATCH", body, token=token)
    assert world.tasks.cells(record)["Changed"] == "2026-02-25T06:16:40.000Z"
