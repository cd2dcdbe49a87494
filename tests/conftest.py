"""What holds for all tests: no network but loopback (pytest-socket, see pyproject.toml), no proxy, no home directory."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# The machine may be slow and shared: no test fails for its speed. On CI the same examples every time; elsewhere new ones.
settings.register_profile("duban", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("duban")


@pytest.fixture(autouse=True)
def _a_quiet_machine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path_factory.getbasetemp()))
