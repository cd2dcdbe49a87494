"""How the simulated Airtable says no: one exception that becomes the answer (facts/airtable section 7)."""

from __future__ import annotations

from typing import Any

from duban.sandbox.server import Reply


class Refusal(Exception):
    """A request that is refused. ``type`` without a message gives ``{"error": {"type"}}``, as the real one does for a
    dead iterator; ``bare`` gives ``{"error": "NOT_FOUND"}``, as it does for a bad path."""

    def __init__(self, status: int, type: str, message: str | None = None, *, bare: bool = False) -> None:  # noqa: A002
        super().__init__(message or type)
        error: Any = type if bare else {"type": type} | ({} if message is None else {"message": message})
        self.reply = Reply(status, {"error": error})


def invalid(message: str) -> Refusal:
    """A parameter or body that fails validation."""
    return Refusal(422, "INVALID_REQUEST_UNKNOWN", f"Invalid request: parameter validation failed. {message}")


def no_access() -> Refusal:
    """Unknown or not granted: the real service does not tell which, on purpose."""
    return Refusal(
        403,
        "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND",
        "Invalid permissions, or the requested model was not found. Check that both your user and your token have the "
        "required permissions, and that the model names and/or ids are correct.",
    )


def unknown_field(name: str) -> Refusal:
    """A field that the table does not have."""
    return Refusal(422, "UNKNOWN_FIELD_NAME", f'Unknown field name: "{name}"')


def unacceptable(field: str) -> Refusal:
    """A value of a shape that the field does not take."""
    return Refusal(422, "INVALID_VALUE_FOR_COLUMN", f'Field "{field}" cannot accept the provided value')


def computed(field: str) -> Refusal:
    """A write to a computed field; the sentence is the recorded one."""
    return Refusal(
        422, "INVALID_VALUE_FOR_COLUMN", f'Field "{field}" cannot accept a value because the field is computed'
    )


def row_missing(record: str) -> Refusal:
    """A row that a batch or a link names and that is not there."""
    return Refusal(422, "ROW_DOES_NOT_EXIST", f"Record ID {record} does not exist in this table")
