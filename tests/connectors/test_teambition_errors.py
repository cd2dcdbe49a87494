"""Teambition refuses or fails while duban reads: every style of error, the token, rights, a platform that is down."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from teambition_double import SECRET, Double, QuickPace, double

from duban.errors import AuthError, ConnectorError, Rejected, SchemaChanged, Unavailable


@pytest.fixture
def tb() -> Iterator[Double]:
    with double() as made:
        yield made


@pytest.mark.parametrize("style", ["http", "envelope", "flag"])
def test_wrong_secret(tb: Double, style: str) -> None:
    tb.service.settings({"error_style": style})
    tb.service.world.apps["sim-app"].secrets[:] = ["another-secret-another-secret-xx"]
    with pytest.raises(AuthError, match="app_secret") as caught:
        tb.connector().describe("tasks")
    assert SECRET not in str(caught.value)
    assert len(tb.service.requests("project/query")) == 2  # signed once more, then given up


@pytest.mark.parametrize("style", ["http", "envelope", "flag"])
def test_not_installed(tb: Double, style: str) -> None:
    tb.service.settings({"error_style": style})
    tb.service.world.apps["sim-app"].organizations.clear()
    with pytest.raises(AuthError, match=r"rd/tasks: .*operator"):
        tb.connector().describe("tasks")


@pytest.mark.parametrize("style", ["http", "envelope", "flag"])
def test_a_refused_request_is_not_repeated(tb: Double, style: str) -> None:
    tb.service.settings({"error_style": style, "largest_page": 10, "over_page": "refuse"})
    tb.project.add_task({"标题": "a"})
    connector = tb.connector()
    schema = connector.describe("tasks")
    with pytest.raises(Rejected, match="400"):
        list(connector.pull("tasks", schema, ["content"]))
    assert connector.traffic.retried == 0


def test_an_expired_token_is_signed_again(tb: Double) -> None:
    connector = tb.connector()
    connector.describe("tasks")
    real = tb.service.handle
    refusals = iter([True])

    def once(request):  # type: ignore[no-untyped-def]
        if next(refusals, False):
            return type(real(request))(401, {"code": 401, "errorMessage": "expired"})
        return real(request)

    tb.service.handle = once  # type: ignore[method-assign]
    assert connector.describe("tasks").title == "产品研发"


def test_a_project_that_is_gone(tb: Double) -> None:
    connector = tb.connector()
    schema = connector.describe("tasks")
    tb.service.world.projects.clear()
    with pytest.raises(SchemaChanged, match="there is no such"):
        list(connector.pull("tasks", schema, ["content"]))
    assert len(tb.service.requests("task/query")) == 1  # another way to ask would not bring it back
    with pytest.raises(SchemaChanged, match="there is no such project"):
        connector.describe("tasks")


@pytest.mark.parametrize("kind", ["drop", "html_502", "html_200", "empty", "truncate", "status"])
def test_faults_of_the_platform_are_ridden_out(tb: Double, kind: str) -> None:
    tb.project.add_task({"标题": "a"})
    connector = tb.connector()
    schema = connector.describe("tasks")
    tb.service.fault(kind, "task/query", times=2)  # type: ignore[arg-type]
    (page,) = connector.pull("tasks", schema, ["content"])
    assert len(page.rows) == 1
    assert connector.traffic.retried == 2


def test_a_platform_that_stays_down(tb: Double) -> None:
    connector = tb.connector()
    tb.service.fault("status", "", times=50, status=503)
    with pytest.raises(Unavailable, match="503"):
        connector.describe("tasks")


@pytest.mark.parametrize("style", ["http", "envelope"])
@pytest.mark.parametrize("retry_after", [None, 3.0])
def test_too_fast_waits_and_is_counted(tb: Double, style: str, retry_after: float | None) -> None:
    tb.service.settings({"error_style": style, "retry_after": retry_after})
    tb.service.meter.limit = 0
    pace = QuickPace()
    connector = tb.connector(pace)
    with pytest.raises(ConnectorError, match="slower"):
        connector.describe("tasks")
    assert connector.traffic.refused == 5
    assert pace.waited >= (12.0 if retry_after else 3.0)
