"""Workbook files keep the contract of every connector."""

from __future__ import annotations

from pathlib import Path

import pytest
from contract import ConnectorContract
from workbook_benches import CsvBench, XlsxBench


class TestXlsx(ConnectorContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> XlsxBench:
        return XlsxBench(tmp_path)


class TestCsv(ConnectorContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> CsvBench:
        return CsvBench(tmp_path)
