"""The Airtable connector writes: encodings, batches, bad rows, lost answers, and nothing else than what was asked."""

import copy
import math
import random
import threading
from datetime import UTC, date, datetime

import pytest
from airtable_world import ZONE, QuickPace, World, rows_of

from duban.connectors.base import Receipt, Write
from duban.connectors.limits import MemorySlots, Pace
from duban.errors import AuthError, Interrupted, SchemaChanged, Unavailable
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


def push(connector, writes, table="channel"):
    return list(connector.push(table, connector.describe(table), writes))


def outcomes(receipts):
    return [receipt.outcome for receipt in receipts]


CASES = [
    ("singleLineText", None, "a", "a"),
    ("multilineText", None, "a\nb", "a\nb"),
    ("richText", None, "a", "a\n"),
    ("email", None, "a@b.c", "a@b.c"),
    ("url", None, "https://a.b", "https://a.b"),
    ("phoneNumber", None, "1", "1"),
    ("barcode", None, "12", {"text": "12"}),
    ("number", None, 2.0, 2),
    ("currency", None, 9.5, 9.5),
    ("duration", None, 90.0, 90),
    ("rating", None, 3.0, 3),
    ("percent", None, 12.3, 0.123),
    ("checkbox", None, True, True),
    ("singleSelect", ["A", "B"], "B", "B"),
    ("multipleSelects", ["A", "B"], ("B", "A"), ["B", "A"]),
    ("date", None, date(2026, 3, 9), "2026-03-09"),
    ("dateTime", None, datetime(2026, 3, 9, 15, 0, 0, 250_000, ZONE), "2026-03-09T07:00:00.250Z"),
    ("singleCollaborator", None, (Person("usrLi", "whatever"),), {"id": "usrLi", "email": "li@b.c", "name": "Li"}),
    ("multipleCollaborators", None, (Person("usrLi", ""),), [{"id": "usrLi", "email": "li@b.c", "name": "Li"}]),
]


@pytest.mark.parametrize(("kind", "options", "cell", "stored"), CASES)
def test_cells_of_every_type(world, connector, kind, options, cell, stored):
    world.service.add_user("Li", "li@b.c", user_id="usrLi")
    name = world.tasks.add_field("F", kind, options)
    [record] = world.fill(1)
    assert push(connector, [Write(record, {name: cell})]) == [Receipt(record, "written")]
    assert world.tasks.cells(record)["F"] == stored
    read = rows_of(connector)[0].cells[name]
    assert (read[0].id if isinstance(read, tuple) and isinstance(read[0], Person) else read) == (
        cell[0].id if isinstance(cell, tuple) and isinstance(cell[0], Person) else cell
    )
    assert outcomes(push(connector, [Write(record, {name: None})])) == ["written"]
    assert name not in rows_of(connector)[0].cells
    assert [entry.body["records"][0]["fields"] for entry in world.service.requests("PATCH")][1] == {name: None}


def test_links_are_written_by_record_id(world, connector):
    projects = world.base.add_table("Projects", [("Title", "singleLineText")])
    project = projects.add_row({"Title": "P"})
    name = world.tasks.add_field("Project", "multipleRecordLinks", {"linkedTableId": "Projects"})
    [record] = world.fill(1)
    assert outcomes(push(connector, [Write(record, {name: (project,)})])) == ["written"]
    assert world.tasks.cells(record)["Project"] == [project]


@pytest.mark.parametrize(
    ("heading", "cell", "reason"),
    [
        ("预警级别", "紫", "no option '紫'; add it in Airtable"), ("预警次数", math.nan, "takes no nan"),
        ("预警次数", "3", "takes no str"), ("预警内容", 3.0, "takes no float"), ("Made", "x", "computed or read-only"),
        ("预警时间", date(2026, 3, 9), "takes no date"), ("预警时间", datetime(2026, 3, 9), "without a zone"),  # noqa: DTZ001
        ("Nobody", "x", "no column fldNobody"), ("Who", (Person("", "Li"),), "Airtable user id"),
        ("Who", (Person("a", ""), Person("b", "")), "takes one person"), ("Future", "x", "computed or read-only"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_fails_unsent(world, connector, heading, cell, reason):
    world.tasks.add_field("Made", "createdTime")
    world.tasks.add_field("Who", "singleCollaborator")
    world.tasks.add_field("Future", "fieldOfTheFuture")
    good, bad = world.fill(2)
    found = world.tasks.data.field(heading)
    name = found.id if found else "fldNobody"
    text = world.column("预警内容")
    receipts = push(connector, [Write(bad, {name: cell}), Write(good, {text: "x"})])
    assert outcomes(receipts) == ["failed", "written"]
    assert reason in receipts[0].error
    assert world.writes() == [(200, 1)]


def test_batches_of_ten_with_receipts_in_order(world, connector):
    ids = world.fill(37)
    level = world.column("预警级别")
    writes = [Write(record, {level: "紫" if place % 9 == 4 else "红"}) for place, record in enumerate(ids)]
    receipts = push(connector, writes)
    assert [receipt.record for receipt in receipts] == ids
    assert [receipt.outcome == "failed" for receipt in receipts] == [place % 9 == 4 for place in range(37)]
    assert sorted(world.writes()) == [(200, 3), (200, 10), (200, 10), (200, 10)]
    assert (connector.traffic.write, connector.traffic.read) == (4, 1)


def test_only_the_named_cells_change_and_nothing_is_created(world, connector):
    ids = world.fill(12)
    before = copy.deepcopy(world.tasks.dump())
    schema = copy.deepcopy(connector.describe("channel"))
    level, text, at = (world.column(name) for name in ("预警级别", "预警内容", "预警时间"))
    moment = datetime(2026, 3, 9, 7, tzinfo=UTC)
    push(connector, [Write(record, {level: "黄", text: "late", at: moment}) for record in ids])
    own = {"预警级别": "黄", "预警内容": "late", "预警时间": "2026-03-09T07:00:00.000Z"}
    assert world.tasks.dump() == {record: {**cells, **own} for record, cells in before.items()}
    assert connector.describe("channel") == schema
    for entry in world.service.requests("PATCH"):
        assert entry.body["typecast"] is False
        assert {name for record in entry.body["records"] for name in record["fields"]} == {level, text, at}


def test_an_option_that_vanished_meanwhile_is_refused_and_not_created(world, connector):
    ids = world.fill(3)
    schema = connector.describe("channel")
    field = world.tasks.field("预警级别")
    field.options["choices"] = [choice for choice in field.choices() if choice["name"] != "红"]
    receipts = list(connector.push("channel", schema, [Write(record, {field.id: "红"}) for record in ids]))
    assert outcomes(receipts) == ["failed"] * 3
    assert all("INVALID_MULTIPLE_CHOICE_OPTIONS" in receipt.error for receipt in receipts)
    assert [choice["name"] for choice in field.choices()] == ["绿", "黄"]


def test_a_deleted_row_is_found_by_halving_and_the_others_are_written(world, connector):
    ids = world.fill(20)
    gone = {ids[3], ids[17], ids[18]}
    for record in gone:
        world.tasks.delete_row(record)
    text = world.column("预警内容")
    receipts = push(connector, [Write(record, {text: "x"}) for record in ids])
    assert [receipt.record for receipt in receipts] == ids
    assert {receipt.record for receipt in receipts if receipt.outcome == "failed"} == gone
    assert all("ROW_DOES_NOT_EXIST" in receipt.error for receipt in receipts if receipt.error)
    assert sum(cells.get("预警内容") == "x" for cells in world.tasks.dump().values()) == 17


def test_a_single_row_that_is_gone(world, connector):
    [record] = world.fill(1)
    world.tasks.delete_row(record)
    [receipt] = push(connector, [Write(record, {world.column("预警内容"): "x"})])
    assert (receipt.outcome, "deleted" in receipt.error) == ("failed", True)


# --- lost answers


@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        ({"kind": "drop_after"}, 1), ({"kind": "drop"}, 2), ({"kind": "html_502", "applied": True}, 1),
        ({"kind": "html_502"}, 2), ({"kind": "html_200", "applied": True}, 1), ({"kind": "truncate"}, 1),
        ({"kind": "status", "status": 503, "body": {"error": {"type": "RETRIABLE_ERROR"}}}, 2),
        ({"kind": "status", "status": 200, "body": {}, "applied": True}, 1),
        ({"kind": "status", "status": 200, "body": {"records": []}}, 2),
    ],
    ids=str,
)  # fmt: skip
def test_a_lost_answer_is_settled_by_reading_back(world, connector, fault, sent):
    ids = world.fill(10)
    text, at = world.column("预警内容"), world.column("预警时间")
    who = world.tasks.add_field("Who", "singleCollaborator")
    world.service.fault(match="PATCH", **fault)
    cells = {text: "x", at: datetime(2026, 3, 9, 15, tzinfo=ZONE), who: (Person(world.service.owner.id, ""),)}
    assert outcomes(push(connector, [Write(record, cells) for record in ids])) == ["written"] * 10
    assert all(row["预警内容"] == "x" for row in world.tasks.dump().values())
    assert len(world.writes()) == sent
    assert connector.traffic.write == sent
    assert connector.traffic.read == 2  # the columns and the rows


def test_only_rows_that_do_not_hold_the_cells_are_sent_again(world, connector):
    ids = world.fill(10)
    text = world.column("预警内容")
    schema = connector.describe("channel")
    for record in ids[:4]:
        world.tasks.edit(record, {"预警内容": "x"})
    world.tasks.delete_row(ids[9])
    world.service.fault("drop", "PATCH")
    receipts = list(connector.push("channel", schema, [Write(record, {text: "x"}) for record in ids]))
    assert outcomes(receipts) == ["written"] * 9 + ["failed"]
    assert "deleted" in receipts[9].error
    assert world.writes() == [(0, 10), (200, 5)]


def test_a_clearing_write_is_settled_too(world, connector):
    [record] = world.fill(1)
    world.service.fault("drop", "PATCH")
    assert outcomes(push(connector, [Write(record, {world.column("Notes"): None})])) == ["written"]
    assert "Notes" not in world.tasks.cells(record)


def test_an_answer_that_never_comes_leaves_unknown(world, connector):
    ids = world.fill(2)
    writes = [Write(record, {world.column("预警内容"): "x"}) for record in ids]
    schema = connector.describe("channel")
    world.service.fault("drop", "PATCH", times=3)
    assert outcomes(connector.push("channel", schema, writes)) == ["unknown", "unknown"]
    assert len(world.writes()) == 3
    world.service.fault("drop_after", "PATCH")
    world.service.fault("html_502", f"GET /v0/{world.base.id}", times=5)
    receipts = list(connector.push("channel", schema, writes))
    assert outcomes(receipts) == ["unknown", "unknown"]
    assert "reading back failed" in receipts[0].error


def test_a_write_that_was_never_sent_is_repeated_and_then_unavailable(world):
    [record] = world.fill(1)
    connector = world.connect()
    schema = connector.describe("channel")
    world.service.stop()
    with pytest.raises(Unavailable, match="could not be reached"):
        list(connector.push("channel", schema, [Write(record, {world.column("预警内容"): "x"})]))
    assert connector.traffic.write == 5
    world.service.start()


def test_a_reader_may_not_write(world):
    [record] = world.fill(1)
    connector = world.connect(token=world.service.add_token(role="read"))
    with pytest.raises(AuthError, match="editor role"):
        push(connector, [Write(record, {world.column("预警内容"): "x"})])
    assert len(world.writes()) == 1


def test_a_column_that_is_closed_to_us_does_not_hold_up_the_others(world, connector):
    ids = world.fill(25)
    text, level = world.column("预警内容"), world.column("预警级别")
    world.tasks.field("预警内容").closed = True
    writes = [Write(record, {text: "x"} if place < 12 else {text: "x", level: "红"}) for place, record in enumerate(ids)]
    writes[3] = Write(ids[3], {level: "黄"})
    receipts = push(connector, writes)
    assert [receipt.record for receipt in receipts] == ids
    assert outcomes(receipts) == ["failed"] * 3 + ["written"] + ["failed"] * 21
    assert "it concerns 预警内容, other cells are written" in receipts[0].error
    held = {row.record: row.cells.get(level) for row in rows_of(connector)}
    assert [held[record] for record in ids] == [None] * 3 + ["黄"] + [None] * 8 + ["红"] * 13
    assert len(world.writes()) <= 10  # the columns are tried once per push, not once per batch


def test_a_role_without_the_right_to_write_stops_the_push_early(world):
    ids = world.fill(40)
    connector = world.connect(token=world.service.add_token(role="read"))
    cells = {world.column("预警内容"): "x", world.column("预警级别"): "红"}
    with pytest.raises(AuthError, match="editor role"):
        push(connector, [Write(record, cells) for record in ids])
    assert len(world.writes()) <= 4 * 3


def test_a_column_that_vanished_stops_the_push(world, connector):
    ids = world.fill(10)
    schema, text = connector.describe("channel"), world.column("预警内容")
    world.tasks.delete_field("预警内容")
    with pytest.raises(SchemaChanged):
        list(connector.push("channel", schema, [Write(record, {text: "x"}) for record in ids]))
    assert len(world.writes()) == 1


def test_a_429_on_a_write_is_repeated_without_reading_back(world, connector):
    [record] = world.fill(1)
    world.service.fault("status", "PATCH", status=429, body={"errors": [{"error": "RATE_LIMIT_REACHED"}]})
    assert outcomes(push(connector, [Write(record, {world.column("预警内容"): "x"})])) == ["written"]
    assert world.pace.slots.frozen == [(f"airtable:base:{world.base.id}", 30.0)]
    assert (connector.traffic.read, connector.traffic.write, connector.traffic.retried) == (1, 2, 1)


def test_nothing_to_write_sends_nothing(world, connector):
    schema = connector.describe("channel")
    assert list(connector.push("channel", schema, [])) == []
    assert world.writes() == []


def test_the_wish_to_stop_ends_a_push_between_two_requests(world):
    ids = world.fill(100)
    pace = QuickPace()
    connector = world.connect(pace=pace)
    receipts = connector.push("channel", connector.describe("channel"), [
        Write(record, {world.column("预警内容"): "x"}) for record in ids
    ])  # fmt: skip
    next(receipts)
    pace.stop.set()
    with pytest.raises(Interrupted):
        list(receipts)
    written = sum("预警内容" in cells for cells in world.tasks.dump().values())
    assert written == 10 * len(world.writes()) < 100


def test_a_listener_that_leaves_stops_the_push(world, connector):
    ids = world.fill(200)
    receipts = connector.push("channel", connector.describe("channel"), [
        Write(record, {world.column("预警内容"): "x"}) for record in ids
    ])  # fmt: skip
    next(receipts)
    receipts.close()
    assert len(world.writes()) < 20


# --- limits


def test_at_full_speed_the_service_never_locks_us_out(world):
    """Real seconds against strict limits: reads and parallel writes share the five requests of each second."""
    ids = world.fill(300)
    connector = world.connect(pace=Pace(MemorySlots()))
    world.service.switches.limits = "strict"
    world.service.round_trip = 0.03
    assert len(rows_of(connector)) == 300
    text = world.column("预警内容")
    assert set(outcomes(push(connector, [Write(record, {text: "x"}) for record in ids[:100]]))) == {"written"}
    assert world.service.limiter.breaches == 0
    assert (connector.traffic.refused, connector.traffic.read, connector.traffic.write) == (0, 5, 10)


def test_without_slots_the_same_service_does_lock_out(world, connector):
    world.fill(600)
    world.service.switches.limits = "strict"
    with pytest.raises(Unavailable, match="RATE_LIMIT_REACHED"):
        rows_of(connector)
    assert connector.traffic.refused == 5


def test_batches_are_on_the_way_at_the_same_time(world):
    """A round trip does not stand between two batches: several wait for their answers together."""
    ids = world.fill(40)
    connector = world.connect()
    schema = connector.describe("channel")
    inside, most, lock, enough = 0, 0, threading.Lock(), threading.Event()
    original = world.service.answer

    def answer(request):
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        if most >= 3:
            enough.set()
        if request.method == "PATCH":
            enough.wait(5)
        try:
            return original(request)
        finally:
            with lock:
                inside -= 1

    world.service.answer = answer
    receipts = list(connector.push("channel", schema, [Write(r, {world.column("预警内容"): "x"}) for r in ids]))
    assert [receipt.record for receipt in receipts] == ids
    assert most >= 3


# --- many faults at once


@pytest.mark.parametrize("seed", range(12))
def test_under_faults_and_edits_every_receipt_is_true(world, connector, seed):
    """Random faults while people delete rows: what a receipt says is what the table holds, other cells never move."""
    chance = random.Random(seed)
    ids = world.fill(45)
    schema = connector.describe("channel")
    text, level = world.column("预警内容"), world.column("预警级别")
    for record in chance.sample(ids, 4):
        world.tasks.delete_row(record)
    human = {record: {"Name": cells["Name"], "Notes": cells["Notes"]} for record, cells in world.tasks.dump().items()}
    kinds = ("drop", "drop_after", "html_502", "html_200", "truncate", "empty")
    for _ in range(6):
        world.service.fault(chance.choice(kinds), "PATCH", after=chance.randrange(3), applied=chance.random() < 0.5)
    writes = [Write(record, {text: f"{seed}", level: chance.choice(["绿", "黄", "红", None])}) for record in ids]
    receipts = list(connector.push("channel", schema, writes))
    assert [receipt.record for receipt in receipts] == ids
    held = world.tasks.dump()
    for write, receipt in zip(writes, receipts, strict=True):
        if receipt.outcome == "written":
            assert held[write.record].get("预警内容") == f"{seed}"
            assert held[write.record].get("预警级别") == write.cells[level]
        elif receipt.outcome == "failed":
            assert write.record not in held
    assert {r: {"Name": c["Name"], "Notes": c["Notes"]} for r, c in held.items()} == human
    assert outcomes(receipts).count("failed") == 4
