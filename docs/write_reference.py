"""Write what follows from the code: the manual page, and two pages of the documentation site.

Run `python docs/write_reference.py` after a change of an option or a command: it writes
packaging/dedupe.1, which the release compares. docs/build_site.py writes the pages.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from typer.main import get_command

import dedupe
from dedupe.cli import app
from dedupe.cli.help import list_options
from dedupe.distribution import read_version

MANUAL = Path(__file__).parents[1] / "packaging" / "dedupe.1"
_SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises")
_ITEM = re.compile(r"([*\w, ]+): (.*)", re.DOTALL)
_EXIT = (
    "0 done; 1 some files were skipped (with --strict); 2 usage; 3 input; 4 encoder; 5 index; "
    "6 report; 7 the report is stale; 8 an action failed or went beyond a limit; 9 engine; "
    "10 duplicates were found (with --fail-on-duplicates); 11 another run holds the lock; "
    "12 a scheduler rejects a job; 130 interrupted."
)


def main() -> None:
    """Write the manual page."""
    MANUAL.write_text(manual(), "utf-8")
    print(f"wrote {MANUAL}")


def manual() -> str:
    """Return `man dedupe` as troff."""
    return "\n".join(_manual()) + "\n"


def pages() -> dict[str, str]:
    """Return the Markdown of the pages of commands and of Python, by file name."""
    return {
        "commands.md": "\n".join(_commands_page()) + "\n",
        "api.md": "\n".join(_api_page()) + "\n",
    }


def list_commands() -> Iterator[tuple[str, Any, Any]]:
    """Yield the words, the command and the context of `dedupe` and of each command below it."""
    yield from _below("dedupe", get_command(app), None)


def _below(words: str, command: Any, parent: Any) -> Iterator[tuple[str, Any, Any]]:
    context = command.context_class(command, info_name=words.split()[-1], parent=parent)
    yield words, command, context
    for name, inner in getattr(command, "commands", {}).items():
        yield from _below(f"{words} {name}", inner, context)


def _commands_page() -> Iterator[str]:
    yield "# Commands"
    yield ""
    yield "`dedupe COMMAND --help` prints the same. [formats.md](formats.md) lists the exit codes."
    for words, command, context in list_commands():
        yield from ("", f"## {words}", "", "```text", context.get_usage(), "```", "")
        yield inspect.cleandoc(command.help or "")
        for heading, rows in list_options(command, context).items():
            if [name for name, _ in rows] in (["-h, --help"], ["--help"]):
                continue
            yield from (
                "",
                f"**{heading.replace('`', '')}**",
                "",
                "| option | meaning |",
                "|---|---|",
            )
            for name, text in rows:
                yield f"| `{_cell(name)}` | {_cell(text)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _api_page() -> Iterator[str]:
    yield "# Python reference"
    yield ""
    yield "Every public name of `dedupe`, from its docstring; [Python](python.md) shows their use."
    for name in dedupe.__all__:
        public = getattr(dedupe, name)
        yield from ("", f"## {name}", "", "```python", _signature(name, public), "```", "")
        yield from _markdown(inspect.cleandoc(public.__doc__ or ""))


def _signature(name: str, public: Any) -> str:
    """Return a call, or a class with its fields, each with the comment beside it."""
    if not isinstance(public, type):
        signature = inspect.signature(public)
        parameters = [_plain(str(parameter)) for parameter in signature.parameters.values()]
        returned = _plain(f" -> {signature.return_annotation}")
        inner = "".join(f"    {parameter},\n" for parameter in parameters)
        return f"{name}(\n{inner}){returned}" if parameters else f"{name}(){returned}"
    if not is_dataclass(public):
        return f"class {name}({public.__bases__[0].__name__}): ..."
    lines = inspect.getsource(public).splitlines()
    kept = [line for line in lines if re.match(r"    \w+: ", line)]
    return "\n".join([f"class {name}:", *kept])


def _plain(text: str) -> str:
    """Return a parameter without the quotes of its type, and with a short default."""
    text = re.sub(r": '([^']*)'", r": \1", text.replace("-> '", "-> "))
    text = re.sub(r"<function (\w+) at 0x\w+>", r"\1", text).rstrip("'")
    return re.sub(r"(?:Posix|Windows)Path\([^)]*\)", "BUILT_IN", text)


def _markdown(doc: str) -> Iterator[str]:
    """Yield a docstring in Google style as Markdown: sections become lists."""
    section = ""
    for block in re.split(r"\n(?=\S)", doc):
        head, _, rest = block.partition("\n")
        section = head.rstrip(":") if head.endswith(":") and head[:-1] in _SECTIONS else ""
        if not section:
            yield _code_blocks(block)
            continue
        yield from ("", f"**{section}**", "")
        body = textwrap.dedent(rest)
        for item in re.split(r"\n(?=\S)", body):
            flat = " ".join(item.split())
            found = _ITEM.fullmatch(flat)
            yield f"- `{found[1]}`: {found[2]}" if found and section != "Returns" else f"- {flat}"


def _code_blocks(text: str) -> str:
    """Return text with indented lines as code."""
    parts = re.split(r"((?:\n    [^\n]*)+)", text)
    for place in range(1, len(parts), 2):
        parts[place] = "\n\n```text" + textwrap.dedent(parts[place]) + "\n```\n"
    return "".join(parts)


def _manual() -> Iterator[str]:
    yield '.\\" Made by docs/write_reference.py from the help of each command.'
    yield f'.TH DEDUPE 1 "" "dedupe {read_version()}" "User Commands"'
    yield from (".SH NAME", "dedupe \\- find near\\-duplicate images and act on them, with undo")
    yield from (".SH SYNOPSIS", ".B dedupe", "COMMAND [OPTIONS] ...")
    yield ".SH DESCRIPTION"
    yield _roff(get_command(app).help or "")
    yield ".SH COMMANDS"
    for words, command, context in list_commands():
        if words == "dedupe":
            continue
        yield f".SS {_roff(context.get_usage().removeprefix('Usage: '))}"
        for number, paragraph in enumerate(inspect.cleandoc(command.help or "").split("\n\n")):
            yield from ([".PP"] if number else [])
            yield _roff(" ".join(paragraph.split()))
        for heading, rows in list_options(command, context).items():
            if [name for name, _ in rows] in (["-h, --help"], ["--help"]):
                continue
            yield from (".PP", f".I {_roff(heading)}")
            for name, text in rows:
                yield from (".TP", f".B {_roff(name)}", _roff(text))
    yield from (".SH EXIT STATUS", _roff(_EXIT), ".SH SEE ALSO")
    yield _roff("Full documentation: the folder docs of the source, and `dedupe COMMAND --help`.")


def _roff(text: str) -> str:
    """Return one line of text for troff."""
    flat = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{flat}" if flat[:1] in (".", "'") else flat


if __name__ == "__main__":
    main()
