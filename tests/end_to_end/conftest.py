"""The example played once for all tests that only look at what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from played import NOW, Done, World, run, world


@dataclass(frozen=True)
class Story:
    """The whole example by processes of their own: state import, sync, and the same sync again."""

    world: World
    before: dict[str, dict[str, Any]]
    human_before: dict[str, dict[str, Any]]
    imported: Done
    first: Done
    after: dict[str, dict[str, Any]]
    human_after: dict[str, dict[str, Any]]
    calls: int
    second: Done


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder: Path = tmp_path_factory.mktemp("story") / "example"
    with world(folder) as played:
        before, human_before = played.rows(), played.human()
        imported = run("state", "import", folder / "state.json", "-c", played.config)
        first = run("sync", "-c", played.config, "--now", NOW, "--json")
        after, human_after, calls = played.rows(), played.human(), len(played.journal)
        second = run("sync", "-c", played.config, "--now", NOW, "--json")
        yield Story(played, before, human_before, imported, first, after, human_after, calls, second)


@pytest.fixture
def example(tmp_path: Path) -> Iterator[World]:
    """The example with its known state imported, not yet synced."""
    with world(tmp_path / "example") as played:
        played.import_state()
        yield played
