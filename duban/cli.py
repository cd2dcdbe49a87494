"""The command line: finds the command, turns errors into sentences and exit codes (spec section 4)."""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from importlib import import_module
from types import FrameType
from typing import Any, NamedTuple

import typer
from rich.console import Console
from typer.core import TyperGroup

from duban import __version__
from duban.commands.stopping import STOP
from duban.errors import ConnectorError, DubanError, Interrupted


class Entry(NamedTuple):
    """One command of the list: the module under ``duban.commands`` that has it, and its line in the help."""

    module: str
    summary: str


# A command's module is imported when the command is called: `--help` and `check` need no database and no HTTP
# (measured: 0.8 s for everything, 0.2 s for the list).
COMMANDS: Mapping[str, Entry] = {
    "demo": Entry("sandbox", "Show duban at work on the guide's own example, in three simulated tools."),
    "check": Entry("check", "Check the configuration, rules, calendar and directory. No network."),
    "schema": Entry("check", "Print the JSON Schema of duban.yaml, of rules files or of waivers files, for editors."),
    "pull": Entry("look", "Read and print the items of the common model, with how every column was mapped."),
    "findings": Entry("look", "Pull and judge; write nothing anywhere, the ledger included."),
    "plan": Entry("look", "Show the changes and messages that a sync would make now; -o saves them for apply."),
    "explain": Entry(
        "look",
        "Explain one item - every rule tried, the values it saw, where the time went - or a table, or a rule.",
    ),
    "sync": Entry("act", "Do one whole cycle: pull, judge, plan, apply, tell."),
    "apply": Entry("act", "Write exactly what a saved plan says; a row that changed since is refused as stale."),
    "run": Entry("act", "Run day and night: a cycle per source at its interval, until SIGTERM."),
    "rules": Entry("rules", "The rules in force: list, show, test, schema, restate, backtest."),
    "state": Entry("state", "The ledger as portable JSON: export, import, forget."),
    "sandbox": Entry("sandbox", "Serve the three simulated tools alone, until Ctrl-C."),
}


def load_command(name: str) -> Any:
    """Import and return one command or group of commands."""
    holder = typer.Typer()
    holder.callback()(_nothing)  # with a callback it stays a group, however few commands it has
    import_module(f"duban.commands.{COMMANDS[name].module}").register(holder)
    group: Any = typer.main.get_command(holder)
    return group.commands[name]


def _nothing() -> None:
    """Do nothing: a group needs a callback."""


class _Commands(TyperGroup):
    """Lists the commands without importing them."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's signature
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - typer's signature
        if cmd_name not in COMMANDS:
            return None
        return typer.core.TyperCommand(cmd_name, help=COMMANDS[cmd_name].summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] in COMMANDS:
            return args[0], load_command(args[0]), args[1:]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="督办 duban: one guide for cross-department work, checked in Feishu, Teambition, Airtable and workbooks.",
)


@app.callback(invoke_without_command=False)
def _options(
    debug: bool = typer.Option(False, "--debug", help="show tracebacks"),  # noqa: ARG001 - taken out by main
    version: bool = typer.Option(False, "--version", help="print the version", is_eager=True),
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGTERM, _on_signal)
    signal.signal(signal.SIGINT, _on_signal)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a broken emoji in a cell must not end a command
        sys.stdout.reconfigure(errors="backslashreplace")
    debug = bool(os.environ.get("DUBAN_DEBUG")) or "--debug" in sys.argv
    if "--debug" in sys.argv:  # wherever it stands
        sys.argv.remove("--debug")
    try:
        code = app(standalone_mode=False) or 0
        sys.stdout.flush()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BrokenPipeError:  # the reader of our output is gone: nothing is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except BaseException as error:  # noqa: BLE001 - the one handler: every error becomes a sentence and a code
        code = explained(error, debug=debug)
    raise SystemExit(code)


def explained(error: BaseException, *, debug: bool = False) -> int:
    """Say in one sentence what went wrong, and return the exit code."""
    if debug:
        sys.stderr.write(_without_secrets("".join(traceback.format_exception(error))))
    console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    if isinstance(error, (Interrupted, KeyboardInterrupt)) or type(error).__name__ == "Abort":
        console.print("interrupted: what was done up to here is recorded; run the command again to go on")
        return 130
    if isinstance(error, DubanError):
        console.print(str(error))
        return 3 if isinstance(error, ConnectorError) else 2
    if hasattr(error, "format_message"):  # the command line's own usage errors
        said = error.format_message().strip().rstrip(".")  # nothing where the help was shown instead
        console.print(f"{said}; duban --help lists the commands" if said else "name a command of the list above")
        return 2
    what = _without_secrets(f"{type(error).__name__}: {error}")
    console.print(f"a bug in duban {__version__}: {what}; run again with --debug and report it")
    return 1


def _without_secrets(text: str) -> str:
    return str(import_module("duban.connectors.http").redact(text))  # not needed, and slow to import, without a bug


def _on_signal(_number: int, _frame: FrameType | None) -> None:
    """The first signal stops between two requests, the second at once."""
    if STOP.is_set():
        os._exit(130)
    STOP.set()
