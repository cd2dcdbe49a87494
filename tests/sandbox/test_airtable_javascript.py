"""The official JavaScript client works against the simulated Airtable: a second witness beside pyairtable."""

import json
import os
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

import pytest

from duban.sandbox.airtable import AirtableService

HERE = Path(__file__).with_name("airtable_js")


@pytest.fixture(scope="module")
def package():
    """The installed npm package, from a cache that the lock file names; skipped aloud where it cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("node or npm is missing: the JavaScript client was not tried")
    lock = (HERE / "package-lock.json").read_bytes()
    caches = Path(os.environ.get("XDG_CACHE_HOME") or tempfile.gettempdir())
    cache = caches / f"duban-js-{sha256(lock).hexdigest()[:16]}"
    installed = cache / "node_modules" / "airtable"
    if not installed.exists():
        cache.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, cache)
        line = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        try:
            done = subprocess.run(line, cwd=cache, capture_output=True, text=True, timeout=120, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("npm ci took longer than 120 s: the JavaScript client was not tried")
        if done.returncode:
            pytest.skip(f"npm ci failed, the JavaScript client was not tried: {done.stderr[-300:]}")
    return node, installed


@pytest.fixture(scope="module")
def seen(package):
    """What the client saw."""
    node, installed = package
    service = AirtableService()
    service.switches.limits = "off"
    token = service.add_token()
    base = service.add_base("Works")
    table = base.add_table(
        "任务 / Tasks", [("Name", "singleLineText"), ("Count", "number"), ("Status", "singleSelect", ["Todo", "Doing"])]
    )
    for number in range(700):
        table.add_row({"Name": f"row {number}", "Count": number})
    with service:
        line = [node, str(HERE / "client.js"), str(installed), service.url, token, base.id, "任务 / Tasks"]
        plain = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, env=plain)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) | {"methods": {(entry.method, entry.path) for entry in service.journal}}


def test_reading(seen):
    assert (seen["count"], seen["distinct"], seen["first"]) == (700, 700, {"Name": "row 699", "Count": 699})
    assert sorted(seen["some"]) == [11, 12]


def test_a_long_list_of_parameters_is_read_by_post(seen):
    assert seen["long"] == 600
    assert any(method == "POST" and path.endswith("/listRecords") for method, path in seen["methods"])


def test_writing(seen):
    assert seen["created"] == [{"Name": "one", "Status": "Doing"}, {"Name": "two"}]
    assert seen["single"] == {"Name": "three", "Count": 3}
    assert seen["updated"] == {"Name": "one", "Count": 7}
    assert seen["replaced"] == {"Name": "only"}
    assert seen["upserted"] == {"created": 1, "updated": [seen["singleId"]]}
    assert seen["found"] == {"Name": "three", "Count": 33}
    assert (seen["deleted"], seen["deletedOne"]) == (2, True)


def test_refusals(seen):
    assert seen["choice"]["error"] == "INVALID_MULTIPLE_CHOICE_OPTIONS"
    assert seen["field"] == {
        "error": "UNKNOWN_FIELD_NAME", "statusCode": 422, "message": 'Unknown field name: "Nothing"',
    }  # fmt: skip
    assert (seen["gone"]["error"], seen["gone"]["statusCode"]) == ("NOT_FOUND", 404)
    assert seen["formula"]["error"] == "INVALID_FILTER_BY_FORMULA"
    assert seen["eleven"]["error"] == "INVALID_RECORDS"


def test_the_lock_file_names_no_registry():
    assert "://" not in (HERE / "package-lock.json").read_text()
