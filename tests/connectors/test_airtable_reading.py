"""The Airtable connector reads: columns, cells of every type, all pages, and what may go wrong on the way."""

from datetime import UTC, date, datetime

import pytest
from airtable_world import ZONE, World, rows_of

from duban.connectors.limits import MemorySlots, Pace
from duban.connectors.settings import AirtableTable
from duban.errors import AuthError, ConnectorError, Interrupted, Rejected, SchemaChanged, Unavailable
from duban.item import Person


@pytest.fixture
def world():
    found = World()
    with found.service:
        yield found
        found.close()


@pytest.fixture
def connector(world):
    return world.connect()


LI = Person("usrLi", "Li")
SEVEN = datetime(2026, 3, 9, 7, tzinfo=UTC)
CASES = [
    ("singleLineText", None, "a", "text", "a"),
    ("multilineText", None, "a\nb", "text", "a\nb"),
    ("richText", None, "**a**", "text", "**a**"),
    ("email", None, "a@b.c", "text", "a@b.c"),
    ("phoneNumber", None, "12", "text", "12"),
    ("barcode", None, {"text": "12", "type": "upce"}, "text", "12"),
    ("url", None, "https://a.b", "url", "https://a.b"),
    ("number", None, 0, "number", 0.0),
    ("currency", None, 9.5, "number", 9.5),
    ("duration", None, 90, "number", 90.0),
    ("rating", None, 3, "number", 3.0),
    ("percent", None, 0.29, "percent", 29.0),
    ("checkbox", None, True, "checkbox", True),
    ("singleSelect", ["A", "B"], "B", "select", "B"),
    ("multipleSelects", ["A", "B"], ["B", "A"], "multi_select", ("B", "A")),
    ("date", None, "2026-03-09", "date", date(2026, 3, 9)),
    ("dateTime", None, "2026-03-09T07:00:00Z", "datetime", SEVEN),
    ("singleCollaborator", None, {"id": "usrLi"}, "person", (LI,)),
    ("multipleCollaborators", None, ["usrLi"], "person", (LI,)),
    ("multipleAttachments", None, [{"url": "https://a.b/c.pdf"}], "attachment", ("c.pdf",)),
    ("formula", {"result": {"type": "number"}}, 4, "number", 4.0),
    ("formula", {"result": {"type": "number"}}, [4], "number", 4.0),
    ("formula", {"result": {"type": "percent"}}, 0.5, "percent", 50.0),
    ("formula", {"result": {"type": "date"}}, "2026-03-09", "date", date(2026, 3, 9)),
    ("formula", {"result": {"type": "dateTime"}}, "2026-03-09T07:00:00.000Z", "datetime", SEVEN),
    ("formula", {"result": {"type": "singleLineText"}}, "x", "text", "x"),
    ("formula", {"isValid": False}, 7, "text", "7"),
    ("rollup", {"result": {"type": "number"}}, 1.5, "number", 1.5),
    ("multipleLookupValues", {"result": {"type": "singleLineText"}}, ["a", "b"], "text", "a, b"),
    ("multipleLookupValues", {"result": {"type": "singleSelect"}}, ["a", "b"], "multi_select", ("a", "b")),
    ("multipleLookupValues", {"result": {"type": "date"}}, ["2026-03-09"], "date", date(2026, 3, 9)),
    ("multipleLookupValues", {"result": {"type": "createdBy"}}, [{"id": "usrLi", "name": "Li"}], "person", (LI,)),
    ("count", None, 0, "number", 0.0),
    ("autoNumber", None, 7, "number", 7.0),
    ("createdTime", None, "2026-03-09T07:00:00.000Z", "created", SEVEN),
    ("lastModifiedTime", {"result": {"type": "date"}}, "2026-03-09", "modified", datetime(2026, 3, 9, tzinfo=ZONE)),
    ("createdBy", None, {"id": "usrLi", "name": "Li"}, "person", (LI,)),
    ("lastModifiedBy", None, {"id": "usrLi", "name": "Li"}, "person", (LI,)),
    ("button", None, {"label": "Go", "url": "https://a.b"}, "text", "Go"),
    ("aiText", None, {"state": "generated", "isStale": False, "value": "x"}, "text", "x"),
    ("aiText", None, {"state": "empty", "isStale": False, "value": None}, "text", None),
    ("externalSyncSource", None, "other base", "text", "other base"),
    ("manualSort", None, "a0", "unknown", "a0"),
    ("fieldOfTheFuture", None, {"deep": [1]}, "unknown", '{"deep": [1]}'),
]
COMPUTED = {
    "formula", "rollup", "multipleLookupValues", "count", "autoNumber", "createdTime", "lastModifiedTime", "createdBy",
    "lastModifiedBy", "button", "aiText", "externalSyncSource",
}  # fmt: skip


@pytest.mark.parametrize(("kind", "options", "stored", "type_", "cell"), CASES)
def test_cells_of_every_type(world, connector, kind, options, stored, type_, cell):
    world.service.add_user("Li", user_id="usrLi")
    name = world.tasks.add_field("F", kind, options)
    record = world.tasks.add_row({"F": stored})
    world.tasks.add_row({"Name": "without"})
    schema = connector.describe("channel")
    column = schema.column(name)
    assert (column.name, column.type) == ("F", type_)
    assert column.computed == (kind in COMPUTED)
    assert column.writable == (kind not in COMPUTED | {"manualSort", "fieldOfTheFuture", "multipleAttachments"})
    rows = {row.record: row for page in connector.pull("channel", schema, [name]) for row in page.rows}
    assert rows[record].cells.get(name) == cell
    assert rows[record].bad == {}
    if not column.computed or kind == "aiText":
        assert [row.cells for other, row in rows.items() if other != record] == [{}]


@pytest.mark.parametrize(
    ("kind", "result", "stored", "text"),
    [
        ("formula", "number", {"specialValue": "NaN"}, "NaN"), ("rollup", "number", {"error": "#ERROR!"}, "#ERROR!"),
        ("formula", "number", "soon", "soon"), ("formula", "number", [1, 2], "1, 2"), ("formula", "date", "x", "x"),
        ("formula", "dateTime", 5, "5"), ("formula", "singleCollaborator", 5, "5"),
    ],
)  # fmt: skip
def test_a_cell_that_does_not_decode_spoils_only_itself(world, connector, kind, result, stored, text):
    name = world.tasks.add_field("F", kind, {"result": {"type": result}})
    record = world.tasks.add_row({"Name": "x", "F": stored})
    [row] = rows_of(connector)
    assert row.bad == {name: text}
    assert row.cells == {world.column("Name"): "x"}
    assert row.url == f"https://airtable.com/{world.base.id}/{world.tasks.id}/{record}"


def test_links_are_record_ids(world, connector):
    projects = world.base.add_table("Projects", [("Title", "singleLineText")])
    project = projects.add_row({"Title": "P"})
    name = world.tasks.add_field("Project", "multipleRecordLinks", {"linkedTableId": "Projects"})
    world.tasks.add_row({"Project": [project]})
    assert rows_of(connector)[0].cells == {name: (project,)}
    assert connector.describe("channel").column(name).type == "links"


def test_columns_are_known_by_id_and_options_are_listed(world, connector):
    before = connector.describe("channel")
    assert before.title == "Tasks"
    assert before.column(world.column("预警级别")).options == ("绿", "黄", "红")
    status = world.column("Status")
    world.tasks.rename_field("Status", "Stage")
    after = connector.describe("channel")
    assert after.column(status).name == "Stage"


def test_one_answer_of_the_metadata_serves_every_table_once(world):
    world.base.add_table("Meetings", [("Name", "singleLineText")])
    tables = (AirtableTable(table="Tasks", holds="task"), AirtableTable(table="Meetings", holds="meeting"))
    connector = world.connect(tables=tables)
    for cycle in (1, 2):
        assert connector.describe("Tasks").title == "Tasks"
        assert connector.describe("Meetings").title == "Meetings"
        assert len(world.service.requests("/meta/")) == cycle
    world.tasks.add_field("New", "singleLineText")
    assert connector.describe("Tasks").columns[-1].name == "New"


def test_a_table_is_found_by_name_and_a_missing_one_is_named(world):
    assert world.connect(tables=(AirtableTable(table="Tasks", holds="task"),)).describe("Tasks").title == "Tasks"
    with pytest.raises(Rejected, match=r"no table 'Tsks'; its tables: Tasks \(tbl"):
        world.connect(tables=(AirtableTable(table="Tsks", holds="task"),)).describe("Tsks")


def test_only_the_wanted_columns_are_asked_for_in_the_largest_pages(world, connector):
    world.fill(250)
    schema = connector.describe("channel")
    wanted = world.column("Notes")
    pages = list(connector.pull("channel", schema, [wanted]))
    assert [len(page.rows) for page in pages] == [100, 100, 50]
    assert {tuple(row.cells) for page in pages for row in page.rows} == {(wanted,)}
    for entry in world.service.requests(f"GET /v0/{world.base.id}"):
        query = dict(entry.query)
        assert (query["fields[]"], query["pageSize"], query["returnFieldsByFieldId"]) == (wanted, "100", "1")
    assert len(list(connector.pull("channel", schema, []))) == 3
    assert connector.traffic.read == 7


def test_short_and_empty_pages_do_not_end_the_read(world, connector):
    ids = set(world.fill(300))
    world.service.switches.short_pages = 2
    assert {row.record for row in rows_of(connector)} == ids


# --- what goes wrong


def test_an_iterator_that_dies_in_the_middle_restarts_the_read(world, connector):
    ids = set(world.fill(250))
    schema = connector.describe("channel")
    seen = []
    for number, page in enumerate(connector.pull("channel", schema, [world.column("Name")])):
        seen.append([row.record for row in page.rows])
        if number == 1:
            world.service.expire_iterators()
    assert [len(page) for page in seen] == [100, 100, 100, 100, 50]
    assert set().union(*seen[2:]) == ids


def test_an_iterator_that_always_dies_ends_the_read_as_incomplete(world, connector):
    world.fill(101)
    schema = connector.describe("channel")
    pages = connector.pull("channel", schema, [world.column("Name")])
    seen = []

    def read():
        for page in pages:
            seen.append(len(page.rows))
            world.service.expire_iterators()

    with pytest.raises(Unavailable, match="ITERATOR_NOT_AVAILABLE"):
        read()
    assert seen == [100] * 4


def test_a_repeated_offset_ends_the_read(world, connector):
    schema = connector.describe("channel")
    body = {"records": [], "offset": "itrAAAAAAAAAAAAAA/recAAAAAAAAAAAAAA"}
    world.service.fault("status", world.tasks.id, status=200, body=body, times=99)
    with pytest.raises(Unavailable, match="would never end"):
        list(connector.pull("channel", schema, []))
    assert len(world.service.requests(world.tasks.id)) == 2


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "drop"}, {"kind": "html_502"}, {"kind": "html_200"}, {"kind": "truncate"}, {"kind": "empty"},
        {"kind": "status", "status": 500, "body": {"error": {"type": "SERVER_ERROR"}}},
        {"kind": "status", "status": 503, "body": None, "headers": {"Retry-After": "7"}},
        {"kind": "status", "status": 200, "body": {}}, {"kind": "status", "status": 200, "body": []},
        {"kind": "status", "status": 502, "body": None},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}",
)  # fmt: skip
def test_a_page_that_fails_is_asked_again(world, connector, fault):
    ids = set(world.fill(150))
    schema = connector.describe("channel")
    world.service.fault(match=world.tasks.id, after=1, times=2, **fault)
    rows = [row.record for page in connector.pull("channel", schema, []) for row in page.rows]
    assert sorted(rows) == sorted(ids)
    assert (connector.traffic.retried, connector.traffic.read) == (2, 5)
    if "headers" in fault:
        assert all(7 <= wait < 7.5 for wait in world.pace.slept)


def test_a_server_that_stays_down_is_unavailable(world, connector):
    schema = connector.describe("channel")
    world.service.fault("html_502", world.tasks.id, times=99)
    with pytest.raises(Unavailable, match="table channel"):
        list(connector.pull("channel", schema, []))
    assert len(world.service.requests(world.tasks.id)) == 5


@pytest.mark.parametrize("form", ["object", "list", "bare"])
def test_a_429_freezes_the_base_for_everybody_and_is_repeated(world, connector, form):
    schema = connector.describe("channel")
    world.fill(1)
    world.service.switches.limits = "strict"
    world.service.switches.too_fast_body = form
    world.service.clock.set(1_772_000_000)
    for _ in range(5):
        world.service.limiter.admit(world.service.clock.now(), world.base.id, "usrOther", "strict")
    original = world.pace.slots.freeze

    def freeze(limit, seconds):
        original(limit, seconds)
        world.service.clock.advance(seconds)

    world.pace.slots.freeze = freeze
    assert len(list(connector.pull("channel", schema, []))) == 1
    assert world.pace.slots.frozen == [(f"airtable:base:{world.base.id}", 30.0)]
    assert connector.traffic.refused == 1


def test_a_spent_month_stops_the_source_without_a_retry(world, connector):
    schema = connector.describe("channel")
    world.service.switches.monthly_calls = 0
    with pytest.raises(AuthError, match="used up its API calls of this month"):
        list(connector.pull("channel", schema, []))
    assert len(world.service.requests(world.tasks.id)) == 1
    assert world.pace.slots.frozen == []


def test_401_and_403_name_both_causes_and_never_the_token(world):
    wrong = "patWRONG00000000." + "0" * 64
    with pytest.raises(AuthError, match="not valid or has expired") as caught:
        world.connect(token=wrong).describe("channel")
    assert wrong not in str(caught.value)
    with pytest.raises(AuthError, match="does not reach this base") as caught:
        world.connect(base="appXXXXXXXXXXXXXX").describe("channel")
    assert "or the id is wrong" in str(caught.value)
    assert world.token not in str(caught.value)
    assert len(world.service.journal) == 2


def test_the_token_is_in_no_error_even_if_the_service_repeats_it(world, connector):
    schema = connector.describe("channel")
    body = {"error": {"type": "X", "message": f"no {world.token}"}}
    world.service.fault("status", world.tasks.id, status=422, body=body)
    with pytest.raises(ConnectorError, match=r"no \*\*\*") as caught:
        list(connector.pull("channel", schema, []))
    assert world.token not in str(caught.value)


def test_a_column_or_table_that_vanished_asks_for_a_new_start(world, connector):
    schema = connector.describe("channel")
    world.tasks.delete_field("Notes")
    with pytest.raises(SchemaChanged, match="column was deleted"):
        list(connector.pull("channel", schema, [column.id for column in schema.columns]))
    world.service.switches.missing_table = 404
    world.base.delete_table("Tasks")
    with pytest.raises(SchemaChanged, match="no such table"):
        list(connector.pull("channel", schema, []))


def test_the_wish_to_stop_ends_a_read_between_two_requests(world):
    world.fill(250)
    pace = Pace(MemorySlots())
    connector = world.connect(pace=pace)
    pages = connector.pull("channel", connector.describe("channel"), [])
    assert len(next(pages).rows) == 100
    pace.stop.set()
    with pytest.raises(Interrupted):
        next(pages)
    assert len(world.service.requests(world.tasks.id)) == 1


def test_other_bases_of_one_source_are_reached(world):
    other = world.service.add_base("Other")
    table = other.add_table("T", [("Name", "singleLineText")])
    record = table.add_row({"Name": "x"})
    connector = world.connect(tables=(AirtableTable(table="T", base=other.id, holds="task"),))
    assert [row.record for row in rows_of(connector, "T")] == [record]
