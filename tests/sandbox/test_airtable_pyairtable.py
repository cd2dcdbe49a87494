"""pyairtable, as it comes, works against the simulated Airtable."""

import datetime as dt

import pyairtable
import pytest
import requests
from pyairtable import formulas

from duban.sandbox.airtable import AirtableService


@pytest.fixture
def world():
    service = AirtableService()
    service.switches.limits = "off"
    token = service.add_token()
    base = service.add_base("Works")
    table = base.add_table(
        "Tasks",
        [
            ("Name", "singleLineText"), ("Count", "number"), ("Status", "singleSelect", ["Todo", "Doing"]),
            ("Due", "date"), ("Done", "checkbox"), ("Twice", "formula", {"formula": "{Count} * 2"}),
        ],
    )  # fmt: skip
    with service:
        api = pyairtable.Api(token, endpoint_url=service.url, retry_strategy=None, timeout=(5, 10))
        api.session.trust_env = False
        yield service, table, api.table(base.id, "Tasks")
        api.session.close()


def refusal(work):
    with pytest.raises(requests.HTTPError) as caught:
        work()
    return caught.value.response.status_code, caught.value.response.json()["error"]


def test_all_pages_come_once(world):
    _, table, client = world
    ids = {table.add_row({"Name": f"row {number}"}) for number in range(250)}
    records = client.all(fields=["Name"])
    assert len(records) == 250
    assert {record["id"] for record in records} == ids
    assert [len(page) for page in client.iterate(page_size=100, max_records=120)] == [100, 20]
    assert [len(page) for page in client.iterate(page_size=60, max_records=120)] == [60, 60]


def test_filters_and_order(world):
    _, table, client = world
    for number, status in [(3, "Doing"), (1, "Todo"), (2, "Doing"), (0, None)]:
        table.add_row({"Name": f"row {number}", "Count": number, "Status": status, "Due": f"2026-03-0{number + 1}"})
    assert [record["fields"]["Count"] for record in client.all(sort=["-Count"])] == [3, 2, 1, 0]
    assert [record["fields"]["Count"] for record in client.all(sort=["Status", "-Count"])] == [0, 1, 3, 2]
    doing = client.all(formula=formulas.match({"Status": "Doing", "Count": (">", 2)}))
    assert [record["fields"]["Name"] for record in doing] == ["row 3"]
    due = formulas.IS_AFTER(formulas.Field("Due"), dt.date(2026, 3, 3))
    assert [record["fields"]["Name"] for record in client.all(formula=due)] == ["row 3"]
    assert client.first(formula="{Name} = 'nobody'") is None


def test_a_long_formula_goes_by_post(world):
    service, table, client = world
    ids = [table.add_row({"Name": str(number)}) for number in range(500)]
    found = client.all(formula="OR(" + ",".join(f"RECORD_ID()='{record}'" for record in ids[:450]) + ")")
    assert len(found) == 450
    assert len(service.requests("/listRecords")) == 5


def test_create_update_replace_delete(world):
    _, _, client = world
    rows = client.batch_create([{"Name": f"row {number}", "Count": number} for number in range(25)])
    assert [row["fields"]["Twice"] for row in rows[:3]] == [0, 2, 4]
    assert client.update(rows[0]["id"], {"Done": True})["fields"]["Done"] is True
    assert "Done" not in client.update(rows[0]["id"], {"Done": False})["fields"]
    assert client.update(rows[1]["id"], {"Name": "new"}, replace=True)["fields"] == {"Name": "new", "Twice": 0}
    updated = client.batch_update([{"id": row["id"], "fields": {"Status": "Doing"}} for row in rows])
    assert {row["fields"]["Status"] for row in updated} == {"Doing"}
    assert len(client.batch_delete([row["id"] for row in rows[:11]])) == 11
    assert client.delete(rows[11]["id"])["deleted"] is True
    assert len(client.all()) == 13


def test_upsert(world):
    _, table, client = world
    known = table.add_row({"Name": "a", "Count": 1})
    answer = client.batch_upsert([{"fields": {"Name": "a", "Count": 2}}, {"fields": {"Name": "b"}}], ["Name"])
    assert answer["updatedRecords"] == [known]
    assert len(answer["createdRecords"]) == 1
    assert [record["fields"].get("Count") for record in answer["records"]] == [2, None]
    assert len(client.batch_upsert([{"fields": {"Name": None}}], ["Name"])["createdRecords"]) == 1
    table.add_row({"Name": "a"})
    assert refusal(lambda: client.batch_upsert([{"fields": {"Name": "a"}}], ["Name"]))[0] == 422


def test_schema_shows_options_and_changes(world):
    _, table, client = world
    schema = client.schema()
    assert [field.name for field in schema.fields] == ["Name", "Count", "Status", "Due", "Done", "Twice"]
    assert [choice.name for choice in schema.field("Status").options.choices] == ["Todo", "Doing"]
    assert schema.field("Twice").options.referenced_field_ids == [schema.field("Count").id]
    table.rename_field("Due", "Deadline")
    table.add_field("Odd", "fieldOfTheFuture", {"what": 1})
    fresh = client.schema(force=True)
    assert fresh.field(schema.field("Due").id).name == "Deadline"
    assert fresh.field("Odd").type == "fieldOfTheFuture"


def test_fields_and_tables_are_made(world):
    service, _, client = world
    made = client.create_field("Level", "singleSelect", options={"choices": [{"name": "红"}]})
    assert made.options.choices[0].name == "红"
    assert refusal(lambda: client.create_field("level", "singleLineText"))[1]["type"] == "DUPLICATE_OR_EMPTY_FIELD_NAME"
    assert refusal(lambda: client.create_field("F", "formula"))[1]["type"] == "UNSUPPORTED_FIELD_TYPE_FOR_CREATE"
    made.name = "Alert level"
    made.save()
    assert client.schema(force=True).field(made.id).name == "Alert level"
    new = client.base.create_table("More", [{"name": "Key", "type": "singleLineText"}])
    assert new.create({"Key": "x"})["fields"] == {"Key": "x"}
    assert client.api.whoami()["id"] == service.owner.id
    assert [base.name for base in client.api.bases()] == ["Works"]


def test_comments(world):
    service, table, client = world
    li = service.add_user("Li")
    row = table.add_row({"Name": "x"})
    client.add_comment(row, f"late, @[{li.id}]")
    second = client.add_comment(row, "still late")
    listed = client.comments(row)
    assert [comment.text for comment in listed] == ["still late", f"late, @[{li.id}]"]
    assert listed[1].mentioned[li.id].display_name == "Li"
    second.text = "done"
    second.save()
    second = client.comments(row)[0]
    assert (second.text, second.last_updated_time is None) == ("done", False)
    assert client.all(count_comments=True)[0]["commentCount"] == 2
    second.delete()
    assert len(client.comments(row)) == 1


def test_errors_have_the_documented_types(world):
    _, table, client = world
    row = table.add_row({"Name": "x"})
    field = 'Field "Twice" cannot accept a value because the field is computed'
    assert refusal(lambda: client.update(row, {"Twice": 1})) == (
        422, {"type": "INVALID_VALUE_FOR_COLUMN", "message": field},
    )  # fmt: skip
    assert refusal(lambda: client.update(row, {"Status": "doing"}))[1]["type"] == "INVALID_MULTIPLE_CHOICE_OPTIONS"
    assert refusal(lambda: client.all(formula="FIND("))[1]["type"] == "INVALID_FILTER_BY_FORMULA"
    assert refusal(lambda: client.all(formula="{Nope}=1"))[1]["message"].endswith("Unknown field names: nope")
    assert refusal(lambda: client.all(view="none"))[1]["type"] == "VIEW_NAME_NOT_FOUND"
    assert refusal(lambda: client.all(page_size=101))[1]["type"] == "INVALID_REQUEST_UNKNOWN"
    assert refusal(lambda: client.get("recAAAAAAAAAAAAAA"))[0] == 404
    missing = [{"id": "recAAAAAAAAAAAAAA", "fields": {}}]
    assert refusal(lambda: client.batch_update(missing))[1]["type"] == "ROW_DOES_NOT_EXIST"
    client.api.api_key = "nonsense"
    assert refusal(client.all) == (401, {"type": "UNAUTHORIZED", "message": "Invalid token"})
