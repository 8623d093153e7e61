"""Print figures of the shape of the source: rooms, layers, long functions, arrays, words.

python tests/benchmarks/house.py          one line for each figure
python tests/benchmarks/house.py --list   every function and line behind the figures
"""

from __future__ import annotations

import argparse
import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONG = 60  # lines of a function with its docstring
PARAMETERS = 8
WORDS = re.compile(
    r"\b(whom|whose|whoever|nobody|beyond doubt|looked at again|stands? for|tells?|told)\b",
    re.IGNORECASE,
)
ALIAS = re.compile(r"^(\w+)(?:: TypeAlias)? = (?:NDArray|Any  # .*tensor)(.*)$", re.MULTILINE)
# "(N, D)", "(side, side, 3)", "(P,)": the shape of an array, in a comment or a docstring
SHAPE = re.compile(r"\([\w*/+ .-]+,(?: ?[\w*/+ .-]+,?)*\)|\bscalar\b|0-d")


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the package."""

    place: str  # file:line
    name: str
    parameters: int  # `self` and `cls` not counted
    lines: int
    takes_arrays: bool  # an argument or the result is annotated as an array
    has_shape: bool  # its text states a shape


def functions(folder: Path) -> Iterator[Function]:
    """Yield every function and method of the Python files below a folder."""
    texts = {path: path.read_text("utf-8") for path in sorted(folder.rglob("*.py"))}
    # The functions that take an alias with a shape beside it need not repeat the shape.
    every = [alias for text in texts.values() for alias in ALIAS.findall(text)]
    aliases = {name for name, rest in every if not SHAPE.search(rest.partition("#")[2])}
    array = re.compile(rf"\b({'|'.join(['NDArray', 'ndarray', *sorted(aliases)])})\b")
    for path, text in texts.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield _describe(node, text, path, array)


def _describe(
    node: ast.FunctionDef | ast.AsyncFunctionDef, text: str, path: Path, array: re.Pattern[str]
) -> Function:
    own = "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno])
    given = node.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    every += [a for a in (given.vararg, given.kwarg) if a]
    hints = [ast.unparse(a.annotation) for a in every if a.annotation]
    hints += [ast.unparse(node.returns)] if node.returns else []
    names = [a.arg for a in every if a.arg not in ("self", "cls")]
    return Function(
        place=f"{path.relative_to(ROOT)}:{node.lineno}",
        name=node.name,
        parameters=len(names),
        lines=(node.end_lineno or node.lineno) - node.lineno + 1,
        takes_arrays=any(array.search(hint) for hint in hints),
        has_shape=_states_shape(own),
    )


def _states_shape(source: str) -> bool:
    """Whether a comment or a docstring contains a shape; calls and tuples of code do not count."""
    prose = re.findall(r'"""(.*?)"""', source, re.DOTALL) + re.findall(r"#(.*)", source)
    return any(SHAPE.search(part) for part in prose)


def word_hits() -> Iterator[str]:
    """Yield `file:line: text` for each line of dedupe/ and docs/ that has a word to avoid."""
    files = [*(ROOT / "dedupe").rglob("*.py"), *(ROOT / "docs").rglob("*.md")]
    for path in sorted(files):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            if WORDS.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: {line.strip()}"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Print figures of the shape of the source.")
    parser.add_argument("--list", action="store_true", help="print what is behind each figure")
    listed = parser.parse_args().list
    package = ROOT / "dedupe"
    found = list(functions(package))
    arrays = [f for f in found if f.takes_arrays]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    entries = [p.name for p in package.iterdir() if p.name not in ("__pycache__", "py.typed")]
    widest = max(found, key=lambda f: f.parameters)
    figures = {
        "entries in dedupe/": (len(entries), sorted(entries)),
        "import layers": (len(layers), layers),
        f"most parameters ({widest.place} {widest.name})": (
            widest.parameters,
            [f"{f.parameters} {f.place} {f.name}" for f in found if f.parameters > PARAMETERS],
        ),
        f"functions over {LONG} lines": (
            sum(f.lines > LONG for f in found),
            [f"{f.lines} {f.place} {f.name}" for f in found if f.lines > LONG],
        ),
        f"array functions without a shape (of {len(arrays)})": (
            sum(not f.has_shape for f in arrays),
            [f"{f.place} {f.name}" for f in arrays if not f.has_shape],
        ),
        "lines with a word to avoid": (len(hits := list(word_hits())), hits),
    }
    for title, (number, behind) in figures.items():
        print(f"{number:5}  {title}")
        for line in behind if listed else ():
            print(f"         {line}")


if __name__ == "__main__":
    main()
