"""What another faithful server may send instead of what the simulators send: the rows that are read stay the same.

The example is served once; a variant rewrites answers on their way out: keys that the vendors' documents leave open,
empty things in all their forms, lists that an application may not see.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import pytest
from played import World, world
from wire import Answer, anew, answering, at, cells_of, opened, people, read, refusing

from duban.errors import SchemaChanged, Unavailable
from duban.item import Person
from duban.sandbox.server import Reply, Request


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("wire") / "example", limits=False) as made:
        yield made


# --- Feishu


def each_cell(change: Callable[[Any], Any]) -> Callable[[Any], None]:
    def all_cells(body: Any) -> None:
        for item in body["data"].get("items") or ():
            item["fields"] = {name: change(cell) for name, cell in item["fields"].items()}

    return all_cells


def plain_text(cell: Any) -> Any:
    segments = isinstance(cell, list) and cell and all(isinstance(part, dict) and "text" in part for part in cell)
    return "".join(part["text"] for part in cell) if segments else cell


def numbers_as_text(cell: Any) -> Any:
    return str(cell) if isinstance(cell, (int, float)) and not isinstance(cell, bool) else cell


def options_as(key: str) -> Callable[[Any], Any]:
    """Options as objects; other bare texts of ``search`` (numbers of rows) are read in the same way."""
    return lambda cell: {"id": "optX", key: cell} if isinstance(cell, str) else cell


def formulas_as_scalars(cell: Any) -> Any:
    return plain_text(cell["value"]) if isinstance(cell, dict) and "value" in cell else cell


def without(*keys: str) -> Callable[[Any], None]:
    def change(body: Any) -> None:
        for key in keys:
            body["data"].pop(key, None)

    return change


def set_data(**values: Any) -> Callable[[Any], None]:
    return lambda body: body["data"].update(values)


def odd_items(body: Any) -> None:
    for item in body["data"]["items"]:
        item["id"] = item.pop("record_id")
        item["brand_new"] = {"a": 1}


FEISHU = {
    "text is a plain string": at("/search", each_cell(plain_text)),
    "numbers are strings": at("/search", each_cell(numbers_as_text)),
    "options are {id, text}": at("/search", each_cell(options_as("text"))),
    "options are {id, name}": at("/search", each_cell(options_as("name"))),
    "formulas are scalars": at("/search", each_cell(formulas_as_scalars)),
    "one person is an object": at("/search", each_cell(lambda c: c[0] if isinstance(c, list) and len(c) == 1 else c)),
    "no has_more": at("/search", without("has_more")),
    "no has_more on any list": at("/tables/", without("has_more")),
    "no total": at("/search", without("total")),
    "total is text": at("/search", set_data(total="10")),
    "records under id, unknown keys": at("/search", odd_items),
    "a token on the last page": at("/search", set_data(page_token="last")),
    "a token on the last page of fields": at("/fields", set_data(page_token="last")),
    "a token and no has_more": at("/fields", lambda body: {**body, "data": {"items": body["data"]["items"], "page_token": "x"}}),
    "no time zone": at("/apps/", lambda body: body["data"].get("app", {}).update(time_zone=None)),
    "the base's own data refused": lambda request, reply: (
        Reply(400, {"code": 99991672, "msg": "no"}) if request.path.rpartition("/")[0].endswith("/apps") else reply
    ),
}


@pytest.mark.parametrize("variant", FEISHU)
def test_feishu(played: World, variant: str) -> None:
    wanted = cells_of(read(played, "feishu"))
    with answering(played, "feishu", FEISHU[variant]):
        assert cells_of(read(played, "feishu")) == wanted


def test_feishu_persons_without_an_id_or_a_name(played: World) -> None:
    def half(cell: Any) -> Any:
        if not isinstance(cell, list) or not all(isinstance(part, dict) and "avatar_url" in part for part in cell):
            return cell
        return [{key: part[key]} for part, key in zip(cell, ("id", "name") * len(cell), strict=False)]

    wanted = people(read(played, "feishu"))
    with answering(played, "feishu", at("/search", each_cell(half))):
        found = people(read(played, "feishu"))
    assert found == {
        place: tuple(Person("", one.name) if number % 2 else Person(one.id, "") for number, one in enumerate(persons))
        for place, persons in wanted.items()
    }


@pytest.mark.parametrize("data", [{"items": None, "has_more": False}, {"has_more": False, "total": 0}, {}, None])
def test_feishu_an_empty_table(played: World, data: Any) -> None:
    with answering(played, "feishu", at("/search", lambda body: {**body, "data": data})):
        assert read(played, "feishu") == {}


def test_feishu_pages_without_has_more_are_followed_by_their_tokens(played: World) -> None:
    def small(request: Request, reply: Reply) -> Reply:
        if "/search" not in request.path:
            return reply
        body, start = anew(reply), int(request.param("page_token") or 0)
        items = body["data"]["items"]
        page = {"items": items[start : start + 3], "page_token": str(start + 3)}  # a token on the last page, too
        return replace(reply, body={**body, "data": page})

    wanted = cells_of(read(played, "feishu"))
    own = played.seeded.feishu.handle

    def all_rows(request: Request) -> Reply:  # the tokens are the test's own
        return own(replace(request, query=tuple(pair for pair in request.query if pair[0] != "page_token")))

    with answering(played, "feishu", lambda request, _: small(request, all_rows(request))):
        assert cells_of(read(played, "feishu")) == wanted


# --- Teambition


def each_task(change: Callable[[Any], None]) -> Answer:
    def tasks(body: Any) -> None:
        for task in body.get("result") or ():
            change(task)

    return at("/task/query", tasks)


def each_custom(change: Callable[[Any], Any]) -> Answer:
    def customs(task: Any) -> None:
        task["customfields"] = [change(entry) for entry in task["customfields"]]

    return each_task(customs)


def set_body(**values: Any) -> Callable[[Any], None]:
    return lambda body: body.update(values)


def drop(*keys: str) -> Callable[[Any], None]:
    def change(body: Any) -> None:
        for key in keys:
            body.pop(key, None)

    return change


def other_dates(task: Any) -> None:
    """The same instants with an offset and without milliseconds; changed moments keep theirs."""
    for key in ("startDate", "dueDate", "accomplishTime"):
        if task[key]:
            task[key] = task[key].replace(".000Z", "+00:00")


def old_values(entry: Any) -> Any:
    """Lists of texts, as the first API had them: ids of people and choices, else what is shown."""
    if not all(set(value) <= {"id", "title", "metaString"} for value in entry["value"]):
        return entry
    by_id = entry["type"] in {"dropDown", "multipleChoice"}
    return {**entry, "value": [value["id"] if by_id else value["title"] for value in entry["value"]]}


def text_entries(body: Any) -> None:
    body["result"] += [None, "what is this", {"id": "", "name": "nothing"}]


NO_RIGHT: Any = {"code": 403, "errorMessage": "no", "result": None}
TEAMBITION = {
    "nextPageToken null": at("", set_body(nextPageToken=None)),
    "nextPageToken missing": at("", drop("nextPageToken")),
    "only a result": at("", drop("nextPageToken", "totalSize", "count", "code", "errorMessage", "requestId")),
    "code as text": at("", set_body(code="200")),
    "code 0, success": at("", set_body(code=0, success=True, errorCode="")),
    "the total is called count": at("/task/query", lambda body: set_body(count=body.pop("totalSize"))(body)),
    "the total is text": at("/task/query", set_body(totalSize="14")),
    "the list in an object": at("", lambda body: set_body(result={"list": body["result"], "total": 3})(body)),
    "strange entries": at("/search", text_entries),
    "taskId and no id": each_task(lambda task: task.update(taskId=task.pop("id"))),
    "a float for the number": each_task(lambda task: task.update(uniqueId=float(task["uniqueId"]))),
    "dates with an offset": each_task(other_dates),
    "taskflowstatusId": each_task(lambda task: task.update(taskflowstatusId=task.pop("tfsId"))),
    "customfieldId": each_custom(lambda entry: {**entry, "customfieldId": entry["cfId"], "cfId": None}),
    "values null among others": each_custom(lambda entry: {**entry, "value": [*entry["value"], None]}),
    "one value without its list": each_custom(
        lambda entry: {**entry, "value": entry["value"][0] if len(entry["value"]) == 1 else entry["value"]}
    ),
    "values are texts": each_custom(old_values),
    "members under id": at("/batchGet", lambda body: [one.update(id=one.pop("userId")) for one in body["result"]] and None),
    "members one by one refused": refusing("/batchGet", 403, NO_RIGHT),
    "members one by one unknown": refusing("/batchGet", 404, {"code": 404, "errorMessage": "url not found"}),
    "no such address for columns": refusing("/stage/search", 421, {"code": 421, "errorMessage": "url not found"}),
}  # fmt: skip


def teambition(played: World) -> dict[str, Mapping[str, Any]]:
    """Return the rows; whose board column cannot be named stands aside, it is no human's cell."""
    rows = read(played, "teambition")
    return {record: {id_: c for id_, c in row.cells.items() if id_ != "stageId"} for record, row in rows.items()}


@pytest.mark.parametrize("variant", TEAMBITION)
def test_teambition(played: World, variant: str) -> None:
    wanted = teambition(played)
    with answering(played, "teambition", TEAMBITION[variant]):
        assert teambition(played) == wanted


@pytest.mark.parametrize("style", [(403, NO_RIGHT), (200, NO_RIGHT), (404, "gone"), (421, {"code": 421})])
def test_teambition_no_names_at_all(played: World, style: tuple[int, Any]) -> None:
    wanted = teambition(played)

    def refuse(request: Request, reply: Reply) -> Reply:
        optional = "/org/member" in request.path or "/priority/" in request.path
        return Reply(*style) if optional else reply

    with answering(played, "teambition", refuse):
        rows = read(played, "teambition")
    for record, row in rows.items():
        persons = {id_: cell for id_, cell in row.cells.items() if id_ in {"executorId", "involveMembers"}}
        assert persons == {
            id_: tuple(Person(one.id, one.id) for one in wanted[record][id_]) for id_ in persons
        }  # fmt: skip
        assert set(row.bad) <= {"priority"}
        assert {**row.cells, **persons}.keys() >= wanted[record].keys() - {"priority"}


def test_teambition_a_member_list_that_fails_is_not_taken_for_a_refused_one(played: World) -> None:
    with (
        answering(played, "teambition", refusing("/batchGet", 503, "busy")),
        pytest.raises(Unavailable, match="names"),
    ):
        read(played, "teambition")


def test_teambition_an_answer_that_is_no_list(played: World) -> None:
    with (
        answering(played, "teambition", at("/task/query", set_body(result=7))),
        pytest.raises((Unavailable, SchemaChanged)),
    ):
        read(played, "teambition")


def test_teambition_no_custom_fields_in_any_form(played: World) -> None:
    found = []
    forms: tuple[list[Any] | Literal["missing"] | None, ...] = (None, [], "missing")
    for empty in forms:
        change = drop("customfields") if empty == "missing" else set_body(customfields=empty)
        with answering(played, "teambition", each_task(change)):
            found.append(teambition(played))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 14


# --- Airtable


def each_record(change: Callable[[Any], None]) -> Answer:
    def records(body: Any) -> None:
        for record in body.get("records") or ():
            change(record)

    return at("/v0/app", records)


def each_value(change: Callable[[Any], Any]) -> Answer:
    def values(record: Any) -> None:
        record["fields"] = {id_: change(value) for id_, value in record["fields"].items()}

    return each_record(values)


def each_field(change: Callable[[Any], None]) -> Answer:
    def all_fields(body: Any) -> None:
        for table in body["tables"]:
            for field in table["fields"]:
                change(field)

    return at("/tables", all_fields)


def bare_choices(field: Any) -> None:
    if "choices" in field.get("options", {}):
        field["options"]["choices"] = [choice["name"] for choice in field["options"]["choices"]]


def compressed(_: Request, reply: Reply) -> Reply:
    return replace(reply, body=gzip.compress(reply.encoded()), headers={**reply.headers, "Content-Encoding": "gzip"})


def by_name(request: Request, reply: Reply, names: dict[str, str]) -> Reply:
    body = anew(reply)
    for table in body.get("tables", ()):
        names.update((field["id"], field["name"]) for field in table["fields"])
    for record in body.get("records", ()):
        record["fields"] = {names[id_]: value for id_, value in record["fields"].items()}
    return replace(reply, body=body)


NAMES: dict[str, str] = {}
AIRTABLE = {
    "no createdTime": each_record(drop("createdTime")),
    "unknown keys": each_record(set_body(commentCount=3)),
    "offset null": at("/v0/app", set_body(offset=None)),
    "offset empty": at("/v0/app", set_body(offset="")),
    "numbers are texts": each_value(lambda v: str(v) if isinstance(v, (int, float)) and not isinstance(v, bool) else v),
    "choices are texts": each_field(bare_choices),
    "no options": each_field(lambda field: field.pop("options") if not {"choices", "result"} & field.get("options", {"result": 1}).keys() else None),
    "no primary field": at("/tables", lambda body: [table.pop("primaryFieldId") for table in body["tables"]] and None),
    "compressed": compressed,
    "keyed by name": lambda request, reply: by_name(request, reply, NAMES),
    "an empty cell in every form": each_record(lambda record: record["fields"].update(fldNobody=None, fldOther=[])),
}  # fmt: skip


@pytest.mark.parametrize("variant", AIRTABLE)
def test_airtable(played: World, variant: str) -> None:
    wanted = cells_of(read(played, "airtable"))
    with answering(played, "airtable", AIRTABLE[variant]):
        assert cells_of(read(played, "airtable")) == wanted


def test_airtable_people_without_name_or_id(played: World) -> None:
    def half(value: Any) -> Any:
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return [half(one) for one in value]
        return {"id": value["id"]} if isinstance(value, dict) and "email" in value else value

    wanted = people(read(played, "airtable"))
    with answering(played, "airtable", each_value(half)):
        found = people(read(played, "airtable"))
    assert found == {place: tuple(Person(one.id, "") for one in persons) for place, persons in wanted.items()}


@pytest.mark.parametrize("change", [drop("fields"), set_body(fields=None)])
def test_airtable_rows_without_any_cell(played: World, change: Callable[[Any], None]) -> None:
    with answering(played, "airtable", each_record(change)):
        assert [dict(row.cells) for row in read(played, "airtable").values()] == [{}] * 10


def test_airtable_types_of_tomorrow_are_read_as_text_and_never_written(played: World) -> None:
    def tomorrow(field: Any) -> None:
        field.update(type="hologram", options={"depth": 3})

    with answering(played, "airtable", each_field(tomorrow)), opened(played, "airtable") as (connector, (label,)):
        schema = connector.describe(label)
        assert {(column.type, column.writable) for column in schema.columns} == {("unknown", False)}
    with answering(played, "airtable", each_field(tomorrow)):
        assert len(cells_of(read(played, "airtable"))) == 10
