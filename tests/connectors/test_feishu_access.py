"""What the connector is let in with: tokens, credentials, rights, the wish to stop, and that no secret leaves it."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from feishu_rig import APP_ID, SECRET, ZONE, Rig, close_rig, make_rig, read

from duban.connectors import connect, feishu_user_ids
from duban.connectors.limits import Pace
from duban.connectors.settings import FeishuSource, Secret, UserIds
from duban.errors import AuthError, ConnectorError, Interrupted
from duban.people import Contact, Directory
from duban.sandbox.feishu.world import DEFAULT_SCOPES

SEARCH, TOKEN = "records/search", "tenant_access_token"


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = make_rig()
    yield made
    close_rig(made)


def fill(rig: Rig, count: int) -> list[str]:
    return [rig.table.add_row({"任务名称": f"任务{place}"}) for place in range(count)]


def test_one_token_for_many_threads(rig: Rig) -> None:
    fill(rig, 1)
    connector = rig.connector(pace=Pace())
    threads = [threading.Thread(target=connector.describe, args=("tasks",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rig.count(TOKEN) == 1


def test_a_token_is_renewed_in_its_last_half_hour(rig: Rig) -> None:
    fill(rig, 1)
    connector = rig.connector()
    read(connector)
    rig.service.clock.advance(7200 - 1800 - 30)
    read(connector)
    assert rig.count(TOKEN) == 1
    rig.service.clock.advance(60)
    read(connector)
    assert rig.count(TOKEN) == 2


def test_short_tokens_do_not_cost_a_request_each(rig: Rig) -> None:
    rig.service.switches.token_seconds = 1000
    fill(rig, 1)
    connector = rig.connector()
    for _ in range(3):
        read(connector)
    assert rig.count(TOKEN) == 1


@pytest.mark.parametrize("status", [400, 200])
def test_a_refused_token_is_fetched_once_again(rig: Rig, status: int) -> None:
    rig.service.switches.gateway_status = status
    fill(rig, 1)
    connector = rig.connector()
    read(connector)
    rig.service.revoke_tokens()
    assert len(read(connector)) == 1
    assert rig.count(TOKEN) == 2
    for code in (99991663, 99991664, 99991665):
        rig.service.trouble(code, SEARCH, times=2)
        with pytest.raises(AuthError, match="fresh token"):
            read(connector)


def test_credentials_and_rights(rig: Rig) -> None:
    def error(**source: Any) -> str:
        with pytest.raises(AuthError) as caught:
            read(rig.connector(**source))
        return str(caught.value)

    assert "app_secret is wrong" in error(app_secret="wrong-secret-1")
    assert "app_id" in error(app_id="cli_nobody_1")
    rig.service.add_app("cli_poor_1234", "poorSecret123", ["base:app:read"])
    assert "add document app" in error(app_id="cli_poor_1234", app_secret="poorSecret123")
    rig.base.share("cli_poor_1234")
    assert "base:field:read" in error(app_id="cli_poor_1234", app_secret="poorSecret123")
    rig.service.switches.monthly_quota = 0
    assert "monthly quota" in error()


def test_a_stop_ends_the_waiting(rig: Rig) -> None:
    stop = threading.Event()
    connector = rig.connector(pace=Pace(stop=stop))
    stop.set()
    with pytest.raises(Interrupted):
        connector.describe("tasks")


def test_no_secret_in_any_error(rig: Rig) -> None:
    fill(rig, 1)
    connector = rig.connector()
    read(connector)
    held = rig.service.world.apps[APP_ID].current
    echo = f"you sent Bearer {held} and {SECRET}"
    faults: list[dict[str, Any]] = [
        {"kind": "body", "status": 400, "body": {"code": 1254000, "msg": echo}},
        {"kind": "body", "status": 500, "body": {"code": 77, "msg": echo}},
        {"kind": "body", "status": 403, "body": {"code": 91403, "msg": echo}},
        {"kind": "body", "status": 403, "body": echo}, {"kind": "drop"}, {"kind": "html_502"},
    ]  # fmt: skip
    for fault in faults:
        rig.service.fault(fault.pop("kind"), SEARCH, times=5, **fault)
        with pytest.raises(ConnectorError) as caught:
            read(connector)
        text = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
        assert SECRET not in text
        assert held not in text
        rig.service._faults.clear()
    assert held not in repr(connector._settings)
    assert SECRET not in repr(connector._settings)
    limits = rig.pace.slots._free_at  # type: ignore[attr-defined]
    assert not any(APP_ID in key for key in limits)


@pytest.mark.parametrize("kind", ["open_id", "union_id", "user_id"])
def test_people_come_by_the_kind_of_id_that_the_directory_names_them_by(rig: Rig, kind: UserIds) -> None:
    rig.service.add_app(APP_ID, SECRET, [*DEFAULT_SCOPES, "contact:user.employee_id:readonly"])
    zhang = rig.service.add_person("Zhang S.", union_id="on_zhang", user_id="zs")  # shown otherwise than we call him
    record = rig.table.add_row({"任务名称": "调研", "负责人": "Zhang S."})
    directory = Directory(people={"张三": Contact("张三", feishu=zhang.id_as(kind, APP_ID))})
    settings = FeishuSource(
        name="market", tool="feishu", base_url=rig.service.url, app_id=Secret(APP_ID), app_secret=Secret(SECRET),
        tables=({"name": "tasks", "app": rig.base.token, "table": rig.table.id, "holds": "task"},),
    )  # fmt: skip
    connector = connect(settings, zone=ZONE, pace=rig.pace, directory=directory)
    rig.connectors.append(connector)
    (owner,) = read(connector)[record].cells[rig.column("负责人")]
    assert directory.name_of(owner) == "张三"


def test_a_source_may_say_which_kind_of_id() -> None:
    directory = Directory(people={name: Contact(name, feishu=f"ou_{name}") for name in "甲乙"})
    assert feishu_user_ids(directory) == "open_id"
    assert feishu_user_ids(Directory()) == "union_id"
