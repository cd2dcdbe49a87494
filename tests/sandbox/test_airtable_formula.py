"""Formulas of the simulated Airtable: grammar, truth, dates, errors."""

import pytest

from duban.sandbox.airtable import AirtableService
from duban.sandbox.airtable.cells import RowScope, Sight
from duban.sandbox.airtable.formula import CellError, truthy
from duban.sandbox.airtable.refusal import Refusal


@pytest.fixture(scope="module")
def evaluate():
    service = AirtableService()
    service.clock.set(1_772_000_000.0)
    base = service.add_base("B")
    li = service.add_user("Li")
    other = base.add_table("Other", [("T", "singleLineText")])
    table = base.add_table(
        "T",
        [
            ("Name", "singleLineText"), ("N", "number"), ("Empty", "singleLineText"), ("Done", "checkbox"),
            ("Due", "date"), ("At", "dateTime"), ("Who", "singleCollaborator"), ("a}b", "singleLineText"),
            ("Bad", "formula", {"formula": "ERROR()"}), ("Link", "multipleRecordLinks", {"linkedTableId": "Other"}),
        ],
    )  # fmt: skip
    links = [other.add_row({"T": "x"}), other.add_row({"T": "y"})]
    record = table.add_row({
        "Name": "Pour Slab", "N": 3, "Due": "2026-03-09", "At": "2026-03-09T10:30:00.250Z", "Who": {"id": li.id},
        "a}b": "brace", "Link": links,
    })  # fmt: skip
    sight = Sight(service.state, base.data)
    scope = RowScope(sight, table.data, table.data.rows[record])
    return lambda text: sight.compile(table.data, text)(scope)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3 - -1", 8), ("(1 + 2) * 3", 9), ("'a' & 1 & \"b\"", "a1b"), ("1 + 1 = 2", True),
        ("{Name} = 'Pour Slab'", True), ("Name != 'x'", True), ("{a\\}b}", "brace"), ("'it\\'s'", "it's"),
        ("{Empty} = ''", True), ("{Empty} = BLANK()", True), ("{Empty} = 0", True), ("NOT({Done})", True),
        ("AND({N} > 2, {N} <= 3)", True), ("OR(0, '', BLANK())", False), ("IF({N} = 3, 'yes', ERROR())", "yes"),
        ("IF(0, 1)", None), ("SEARCH('slab', {Name})", 6), ("SEARCH('no', {Name})", None), ("FIND('slab', {Name})", 0),
        ("LOWER({Name})", "pour slab"), ("{Who} = 'Li'", True), ("{Link} = 'x, y'", True), ("SUM(1, 2, {N})", 6),
        ("IS_AFTER({Due}, '2026-03-08')", True), ("IS_BEFORE({Due}, DATETIME_PARSE('2026-03-09'))", False),
        ("IS_SAME({At}, '2026-03-09', 'day')", True), ("{At} = '2026-03-09T10:30:00.250Z'", True),
        ("{At} = '2026-03-09T18:30:00.250+08:00'", True), ("DATETIME_DIFF({At}, {Due}, 'hours')", 10),
        ("DATEADD('2026-01-31', 1, 'month') = '2026-02-28'", True), ("TODAY() = '2026-02-25'", True),
        ("DATETIME_DIFF(NOW(), TODAY(), 'minutes')", 373), ("LEN(CONCATENATE('ab', 1))", 3),
        ("CREATED_TIME() = '2026-02-25T06:13:20Z'", True),
    ],
)  # fmt: skip
def test_values(evaluate, text, value):
    assert evaluate(text) == value


@pytest.mark.parametrize("text", ["", "AND(", "1 +", "'open", "NOSUCH(1)", "LOWER()", "{Nope} = 1", "1 2", ")", "#"])
def test_refusals(evaluate, text):
    with pytest.raises(Refusal) as caught:
        evaluate(text)
    assert caught.value.reply.body["error"]["type"] == "INVALID_FILTER_BY_FORMULA"


def test_an_error_poisons_everything_around_it(evaluate):
    for text in ("AND({Bad} > 1, 1)", "OR(1, {Bad})", "{Name} + 1", "IS_AFTER('soon', NOW())"):
        with pytest.raises(CellError):
            evaluate(text)


def test_truth(evaluate):
    assert not any(truthy(value) for value in (None, 0, 0.0, False, "", [], float("nan")))
    assert all(truthy(value) for value in (1, "0", [0], True))
    assert evaluate("1 / 0") == float("inf")
