"""A plain HTTP client of the simulated Feishu: it says exactly what a test tells it to."""

from __future__ import annotations

from typing import Any

import requests

from duban.sandbox.feishu import Base, FeishuService, Table

APP, SECRET = "cli_plain_client", "plainSecret0001"
NOW = 1_721_786_400.0  # 2024-07-24T10:00+08:00


class Client:
    """One application's view of a service."""

    def __init__(self, service: FeishuService, app: str = APP, secret: str = SECRET) -> None:
        self.service, self.app, self.secret = service, app, secret
        self.session = requests.Session()
        self.session.trust_env = False
        self.token: str | None = None

    def get_token(self) -> dict[str, Any]:
        body = {"app_id": self.app, "app_secret": self.secret}
        answer = self.raw("POST", "/auth/v3/tenant_access_token/internal", json=body).json()
        self.token = answer.get("tenant_access_token")
        return answer

    def raw(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = options.pop("headers", {"Authorization": f"Bearer {self.token}"} if self.token else {})
        url = f"{self.service.url}/open-apis{path}"
        return self.session.request(method, url, headers=headers, timeout=5, **options)

    def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        return self.raw(method, path, **options).json()

    def data(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = self.call(method, path, **options)
        assert answer["code"] == 0, answer
        return answer["data"]

    def code(self, method: str, path: str, **options: Any) -> int:
        return self.call(method, path, **options)["code"]

    def search(self, table: Table, body: Any = None, **params: Any) -> dict[str, Any]:
        return self.data("POST", f"{at(table)}/records/search", json=body or {}, params=params)

    def update(self, table: Table, *rows: tuple[str, dict[str, Any]], **params: Any) -> dict[str, Any]:
        body = {"records": [{"record_id": record, "fields": fields} for record, fields in rows]}
        return self.call("POST", f"{at(table)}/records/batch_update", json=body, params=params)


def at(place: Table | Base) -> str:
    """Return the API path of a table or base."""
    if isinstance(place, Base):
        return f"/bitable/v1/apps/{place.token}"
    return f"/bitable/v1/apps/{place.base.token}/tables/{place.id}"
