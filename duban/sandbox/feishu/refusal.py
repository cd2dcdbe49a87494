"""How the simulated Feishu says no: a code, a text, an HTTP status (facts/feishu-bitable section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TEXTS: Mapping[int, str] = {
    10003: "invalid param",
    10014: "app secret invalid",
    91402: "NOTEXIST",
    91403: "Forbidden",
    131002: "param err",
    131005: "not found",
    131006: "permission denied",
    1254000: "WrongRequestJson",
    1254001: "WrongRequestBody",
    1254002: "Fail",
    1254011: "page_size must be greater than 0",
    1254014: "FieldNameDuplicated",
    1254015: "Field types do not match.",
    1254016: "InvalidSort",
    1254018: "InvalidFilter",
    1254024: "InvalidFieldNames",
    1254030: "TooLargeResponse",
    1254037: "Invalid client token, make sure that it complies with the specification.",
    1254040: "BaseTokenNotFound",
    1254041: "TableIdNotFound",
    1254042: "ViewIdNotFound",
    1254043: "RecordIdNotFound",
    1254044: "FieldIdNotFound",
    1254045: "FieldNameNotFound",
    1254060: "TextFieldConvFail",
    1254061: "NumberFieldConvFail",
    1254062: "SingleSelectFieldConvFail",
    1254063: "MultiSelectFieldConvFail",
    1254064: "DatetimeFieldConvFail",
    1254065: "CheckboxFieldConvFail",
    1254066: "UserFieldConvFail",
    1254067: "LinkFieldConvFail",
    1254068: "URLFieldConvFail",
    1254069: "AttachFieldConvFail",
    1254072: "Failed to convert phone field, please make sure it is correct.",
    1254074: "The parameters of Duplex Link field are invalid and need to be filled with an array of string.",
    1254080: "TextFieldPropertyError",
    1254103: "RecordExceedLimit, limited to 20,000",
    1254104: "RecordAddOnceExceedLimit, limited",
    1254130: "TooLargeCell",
    1254290: "TooManyRequest",
    1254291: "Write conflict",
    1254302: "Permission denied.",
    1254303: "The attachment does not belong to this bitable.",
    1254606: "data not change",
    1254607: "Data not ready, please try again later",
    1254608: "Same API requests are submitted repeatedly.",
    1255001: "InternalError",
    1255006: "Client token conflict, please generate a new client token and try again.",
    1255040: "Request timed out, please try again later",
    99991400: "request trigger frequency limit",
    99991403: "This month's API call quota has been exceeded",
    99991661: "Missing access token for authorization. Please make a request with token attached.",
    99991663: "Invalid access token for authorization. Please make a request with token attached.",
    99991671: "Invalid access token format for authorization. The token must start with t- or u-.",
    99991672: "Access denied. One of the following scopes is required.",
    99992402: "field validation failed",
}

# HTTP statuses that do not depend on the endpoint; everything else is 200 for records (section 4).
_STATUS: Mapping[int, int] = {
    91402: 404, 91403: 403, 131002: 400, 131005: 400, 131006: 400, 1254011: 400, 1254037: 400, 1254302: 403,
    1254303: 403, 1254607: 400, 1254608: 403, 1255006: 400, 1255040: 504, 99991400: 429, 99992402: 400,
}  # fmt: skip


class Refusal(Exception):
    """One refusal. ``details`` go into the answer's ``error`` object."""

    def __init__(
        self, code: int, text: str | None = None, *, status: int | None = None,
        headers: Mapping[str, str] | None = None, **details: Any,
    ) -> None:  # fmt: skip
        super().__init__(code, text)
        self.code, self.text = code, text or TEXTS.get(code, "Fail")
        self.status, self.headers, self.details = status, dict(headers or {}), details

    def http_status(self, *, structure: bool, gateway: int) -> int:
        """Return the HTTP status: ``structure`` calls (fields, tables, base) say 404 where record calls say 200."""
        if self.status is not None:
            return self.status
        if self.code in _STATUS:
            return _STATUS[self.code]
        if self.code >= 99_990_000:
            return gateway
        return 404 if structure and 1254040 <= self.code <= 1254045 else 200
