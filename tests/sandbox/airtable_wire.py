"""One seeded simulated Airtable, asked without a network: what the tests of its wire share."""

import json
from urllib.parse import parse_qsl, urlencode

from duban.sandbox.airtable import AirtableService
from duban.sandbox.server import Request

NOON = 1_772_000_000.0


class World:
    """One seeded service, asked without a network."""

    def __init__(self):
        self.service = AirtableService()
        self.service.clock.set(NOON)
        self.service.switches.limits = "off"
        self.token = self.service.add_token()
        self.base = self.service.add_base("Works")
        self.tasks = self.base.add_table(
            "Tasks", [("Name", "singleLineText"), ("Note", "singleLineText"), ("Count", "number")]
        )

    def ask(self, method, path, body=None, token=None, **query):
        raw = json.dumps(body).encode() if body is not None else b""
        pairs = tuple(parse_qsl(urlencode(query, doseq=True), keep_blank_values=True))
        headers = {"authorization": f"Bearer {self.token if token is None else token}"}
        answer = self.service.handle(Request(method, path, pairs, headers, raw, body))
        return answer.status, answer.body

    def rows(self, method="GET", body=None, table="Tasks", **query):
        return self.ask(method, f"/v0/{self.base.id}/{table}", body, **query)

    def set(self, record, fields, **body):
        return self.rows("PATCH", {"records": [{"id": record, "fields": fields}], **body})

    def error(self, answer):
        status, body = answer
        return status, body["error"]["type"]
