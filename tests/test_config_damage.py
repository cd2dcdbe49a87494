"""Whatever a file holds, loading it gives a configuration or a ``ConfigError`` with places: never another exception."""

import random
from pathlib import Path

import pytest

from duban.config import load_config
from duban.errors import ConfigError

EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = ("TB_APP_ID", "TB_APP_SECRET", "FS_APP_ID", "FS_APP_SECRET", "AIRTABLE_TOKEN")
ENV = {name: f"canary-{name}" for name in NAMES}
PIECES = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    '"',
    "'",
    "|",
    ">",
    "&a ",
    "*a",
    "!x ",
    "# ",
    "- ",
    "\n",
    " ",
    "\t",
    "市",
    "5",
    "null",
]


def damaged(text: str, rng: random.Random) -> str:
    """A few pieces cut out, put in, or lines moved: as an editor in a hurry would leave a file."""
    for _ in range(rng.randint(1, 4)):
        place, what = rng.randrange(len(text)), rng.random()
        if what < 0.4:
            text = text[:place] + rng.choice(PIECES) + text[place + rng.randint(0, 1) :]
        elif what < 0.8:
            text = text[:place] + text[place + rng.randint(1, 12) :]
        else:
            lines = text.splitlines(keepends=True)
            lines.insert(rng.randrange(len(lines)), lines.pop(rng.randrange(len(lines))))
            text = "".join(lines)
    return text


def refusal(path: Path) -> ConfigError | None:
    try:
        load_config(path, env=ENV)
    except ConfigError as error:
        return error
    return None


@pytest.mark.parametrize("file", ["duban.yaml", "directory.yaml"])
def test_damaged_files(tmp_path, file):
    for name in ("duban.yaml", "directory.yaml"):
        (tmp_path / name).write_bytes((EXAMPLES / name).read_bytes())
    bare = [line.partition("#")[0] for line in (EXAMPLES / file).read_text(encoding="utf-8").splitlines()]
    text = "\n".join(line.rstrip() for line in bare if line.strip()) + "\n"
    rng, outcomes = random.Random(20240724), []
    for _ in range(250):
        broken = damaged(text, rng)
        (tmp_path / file).write_text(broken, encoding="utf-8")
        error = refusal(tmp_path / "duban.yaml")
        outcomes.append(error is not None)
        lines = broken.count("\n") + 1
        for problem in error.problems if error else ():
            assert problem.line > 0
            assert problem.line <= lines or not problem.path.endswith(file)
        assert error is None or (error.problems and "canary" not in str(error))
    assert 100 < sum(outcomes) < 250  # both ways were seen
