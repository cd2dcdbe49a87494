"""What the tests of the simulated Teambition share: a seeded service and a stranger who asks it over HTTP."""

from __future__ import annotations

import time
from typing import Any

import requests

from duban.connectors.teambition.token import sign
from duban.sandbox.teambition import SeededProject, TeambitionService

APP, SECRET = "sim-app", "sim-secret-sim-secret-sim-secret"


class Client:
    """A stranger with an app: speaks HTTP and looks at status and code."""

    def __init__(self, service: TeambitionService, tenant: str, operator: str) -> None:
        self.session, self.service = requests.Session(), service
        self.headers = {
            "Authorization": f"Bearer {sign(APP, SECRET, int(time.time()))}", "X-Tenant-Id": tenant,
            "x-operator-id": operator,
        }  # fmt: skip

    def ask(self, method: str, path: str, body: Any = None, *, prefix: str = "/api", **query: str) -> tuple[int, Any]:
        answer = self.session.request(
            method, self.service.url + prefix + path, json=body, params=query, headers=self.headers, timeout=5
        )
        return answer.status_code, answer.json()

    def get(self, path: str, **query: str) -> Any:
        status, body = self.ask("GET", path, **query)
        assert (status, body["code"]) == (200, 200), body
        return body["result"]

    def refused(self, method: str, path: str, body: Any = None, **query: str) -> int:
        status, answer = self.ask(method, path, body, **query)
        assert status == answer["code"], answer
        assert answer["result"] is None
        return status


class World:
    def __init__(self) -> None:
        self.service = TeambitionService()
        self.tenant = self.service.add_organization()
        self.service.add_app(APP, SECRET)
        self.bot = self.service.add_member("机器人")
        self.zhang = self.service.add_member("张磊")
        self.project: SeededProject = self.service.add_project("产品研发", prefix="RD")
        self.client = Client(self.service, self.tenant, self.bot)
