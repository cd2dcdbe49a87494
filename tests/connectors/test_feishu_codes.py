"""The table of Feishu's codes: each leads to its own kind of error, by the body's code and not by the HTTP status."""

from __future__ import annotations

from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from duban.connectors.base import Traffic
from duban.connectors.feishu.codes import CODES, Action, Passing, Refused, action_of, judge, went_well
from duban.connectors.http import Answer, Transient
from duban.errors import AuthError, ConnectorError, Unavailable

SECRET = "S3cretS3cretS3cret"


def judged(body: Any, *, status: int = 200, writing: bool = False, headers: Any = None) -> tuple[Any, Traffic]:
    traffic = Traffic()
    answer = Answer(status, CaseInsensitiveDict(headers or {}), body, "")
    try:
        return judge(source="market", traffic=traffic, secrets=[SECRET])(answer, writing), traffic
    except ConnectorError as error:
        return error, traffic


def error_of(code: int, **options: Any) -> Any:
    return judged({"code": code, "msg": "words of the service"}, **options)[0]


@pytest.mark.parametrize("status", [200, 400, 403, 404, 500])
def test_the_body_decides_whatever_the_status(status: int) -> None:
    assert judged({"code": 0, "data": {}}, status=status)[0] == {"code": 0, "data": {}}
    assert isinstance(error_of(91403, status=status), AuthError)
    assert error_of(1254043, status=status).action is Action.ROW


@pytest.mark.parametrize(
    ("codes", "kind", "action"),
    [
        ([99991400, 1254290, 1254112], Passing, Action.TOO_FAST),
        ([1254291, 1255001, 1255002, 1255003, 1255005, 2200, 5000], Passing, Action.RETRY),
        ([1254607], Passing, Action.NOT_READY),
        ([1255040, 1254608], Passing, Action.UNKNOWN),
        ([99991663, 99991664, 99991665], Refused, Action.REAUTH),
        ([1254002], Refused, Action.RESTART),
        ([1254030, 1254104], Refused, Action.SMALLER),
        ([1254045, 1254044, 1254024, 1254016, 1254018, 1254015], Refused, Action.COLUMNS),
        ([1254043, 1254006], Refused, Action.ROW),
        ([*range(1254060, 1254070), 1254072, 1254074, 1254130, 1254303], Refused, Action.VALUE),
        ([91402, 1254040, 1254041, 1254003, 1254004, 1254000, 1254001, 1254011, 99992402], Refused, Action.REFUSE),
        ([91403, 99991672, 99991403, 99991401, 99991661, 99991662, 99991671, 99991673, 99991679, 10003, 10014, 10015,
          1254302, 1254304, 1254306, 131006], AuthError, None),
        ([1254036, 1254301], Unavailable, None),
    ],
)  # fmt: skip
def test_every_code_has_its_action(codes: list[int], kind: type, action: Action | None) -> None:
    for code in codes:
        error = error_of(code)
        assert isinstance(error, kind), code
        assert action_of(error) is action or (isinstance(error, Passing) and error.action is action), code
        assert str(code) in str(error)
        assert code in CODES


@pytest.mark.parametrize(("writing", "unknown"), [(True, True), (False, False)])
def test_time_outs_of_writes_are_of_unknown_outcome(writing: bool, unknown: bool) -> None:
    assert error_of(1255040, status=504, writing=writing).unknown is unknown
    assert error_of(1254291, writing=writing).unknown is False  # a conflict was certainly not done


@pytest.mark.parametrize(
    ("status", "kind", "unknown"),
    [(502, Transient, True), (504, Transient, True), (200, Transient, True), (204, Transient, True),
     (404, Refused, None),
     (302, Refused, None), (403, AuthError, None), (429, Transient, False)],
)  # fmt: skip
def test_answers_without_json_go_by_status(status: int, kind: type, unknown: bool | None) -> None:
    for body in (None, [], "text", {"no": "code"}, {"code": "0"}):
        error, _ = judged(body, status=status, writing=True)
        assert isinstance(error, kind)
        assert getattr(error, "unknown", None) is unknown


@pytest.mark.parametrize("status", [400, 429])
def test_the_gateways_reset_is_obeyed_and_counted(status: int) -> None:
    error, traffic = judged({"code": 99991400}, status=status, headers={"X-Ogw-RateLimit-Reset": "7"})
    assert (error.wait, traffic.refused) == (7.0, 1)
    assert error_of(99991400).wait is None  # none named: growing pauses


def test_codes_that_nobody_listed() -> None:
    assert error_of(1254999).action is Action.VALUE
    assert "words of the service" in str(error_of(1254999))
    assert error_of(1254999, status=500, writing=True).unknown is True
    assert error_of(1254999, status=429).action is Action.TOO_FAST


def test_texts_name_the_next_step() -> None:
    violations = [{"type": "action_scope_required", "subject": scope} for scope in ("bitable:app", "base:record:read")]
    error, _ = judged({"code": 99991672, "error": {"permission_violations": violations, "log_id": "L1"}}, status=400)
    assert "one of: bitable:app, base:record:read" in str(error)
    assert "log id L1" in str(error)
    assert "more > add document app" in str(error_of(91403))
    assert "monthly quota" in str(error_of(99991403))
    assert "/wiki/" in str(error_of(91402))
    assert "log id H1" in str(judged({"code": 1254043}, headers={"x-tt-logid": "H1"})[0])


def test_secrets_in_an_answer_do_not_reach_the_text() -> None:
    said = f"secret {SECRET} of Bearer t-0123456789abcdef0123 is wrong"
    error, _ = judged({"code": 4711, "msg": said})
    assert SECRET not in str(error)
    assert "t-0123456789abcdef0123" not in str(error)


@pytest.mark.parametrize("content", [b'{"code":0,"data":{"records":[{}]},"msg":"success"}', b' {"code" : 0 , "data":{}}\n'])
def test_an_echo_is_not_read_where_the_answer_begins_with_code_0(content: bytes) -> None:
    assert went_well(content) == {"code": 0}


@pytest.mark.parametrize(
    "content",
    [
        b'{"code":1254043,"msg":"RecordIdNotFound"}', b'{"code":01,"msg":""}', b'{"code":0.5,"msg":""}', b"",
        b'{"msg":"success","code":0,"data":{}}', b'{"data":{"code":0,"x":1},"code":91403}', b'{"code":"0","msg":""}',
        b'<html>{"code":0,}</html>', b'{"code":0,"data":{"records":[{"record_id":"rec',
    ],
)  # fmt: skip
def test_every_other_answer_is_read_as_a_whole(content: bytes) -> None:
    assert went_well(content) is None
