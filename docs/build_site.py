"""Build the documentation site: `python docs/build_site.py --out site`, with the extra `docs`.

Copies docs/, adds the pages that follow from the code, and runs Zensical, which stops at a link or
an anchor that leads nowhere.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from write_reference import pages

DOCS = Path(__file__).parent


def main() -> int:
    """Build the site and return the exit code of Zensical."""
    parser = argparse.ArgumentParser(description="Build the documentation site.")
    parser.add_argument("--out", type=Path, default=DOCS.parent / "site", help="folder of the site")
    out: Path = parser.parse_args().out.absolute()
    with tempfile.TemporaryDirectory() as place:
        sources = Path(place) / "docs"
        shutil.copytree(DOCS, sources, ignore=shutil.ignore_patterns("*.toml", "__pycache__"))
        for script in sources.glob("*.py"):
            script.unlink()
        for name, text in pages().items():
            (sources / name).write_text(text, "utf-8")
        shutil.copy(DOCS / "site.toml", Path(place) / "zensical.toml")
        words = [sys.executable, "-m", "zensical", "build", "--strict", "-f", "zensical.toml"]
        built = subprocess.run(words, cwd=place, check=False)
        if built.returncode == 0:
            shutil.rmtree(out, ignore_errors=True)
            shutil.copytree(Path(place) / "site", out)
    return built.returncode


if __name__ == "__main__":
    sys.exit(main())
