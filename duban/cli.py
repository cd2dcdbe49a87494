"""The command line: puts the commands together, turns errors into sentences and exit codes (spec section 4)."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from types import FrameType

import typer
from rich.console import Console

from duban import __version__
from duban.commands import act, look, rules, sandbox, state
from duban.commands.session import STOP
from duban.errors import ConnectorError, DubanError, Interrupted

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="督办 duban: one guide for cross-department work, checked in Feishu, Teambition, Airtable and workbooks.",
)


@app.callback(invoke_without_command=False)
def _options(
    debug: bool = typer.Option(False, "--debug", help="show tracebacks"),
    version: bool = typer.Option(False, "--version", help="print the version", is_eager=True),
) -> None:
    if debug:
        os.environ["DUBAN_DEBUG"] = "1"
    if version:
        print(__version__)
        raise typer.Exit


for part in (sandbox, look, act, rules, state):
    part.register(app)


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGTERM, _on_signal)
    signal.signal(signal.SIGINT, _on_signal)
    if "--debug" in sys.argv:  # wherever it stands
        sys.argv.remove("--debug")
        os.environ["DUBAN_DEBUG"] = "1"
    try:
        code = app(standalone_mode=False) or 0
        sys.stdout.flush()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BrokenPipeError:  # the reader of our output is gone: nothing is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except BaseException as error:  # noqa: BLE001 - the one handler: every error becomes a sentence and a code
        code = explained(error)
    raise SystemExit(code)


def explained(error: BaseException) -> int:
    """Say in one sentence what went wrong, and return the exit code."""
    if os.environ.get("DUBAN_DEBUG"):
        traceback.print_exception(error)
    console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    if isinstance(error, (Interrupted, KeyboardInterrupt)) or type(error).__name__ == "Abort":
        console.print("interrupted: what was done up to here is recorded; run the command again to go on")
        return 130
    if isinstance(error, DubanError):
        console.print(str(error))
        return 3 if isinstance(error, ConnectorError) else 2
    if hasattr(error, "format_message"):  # the command line's own usage errors
        console.print(f"{error.format_message()}; duban --help lists the commands")
        return 2
    console.print(
        f"a bug in duban {__version__}: {type(error).__name__}: {error}; run again with --debug and report it"
    )
    return 1


def _on_signal(_number: int, _frame: FrameType | None) -> None:
    """The first signal stops between two requests, the second at once."""
    if STOP.is_set():
        os._exit(130)
    STOP.set()
