"""A scan on Ray writes the report of one machine."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from photo_files import draw_scene
from PIL import Image

import dedupe
from dedupe.distributed import scan_with_ray
from dedupe.distributed.cluster import Cluster
from dedupe.distributed.embedding import Finished
from dedupe.distributed.engine import check_reach
from dedupe.errors import EngineError, InputError
from dedupe.report import format_report
from dedupe.types import Report, Skipped

SAMPLES = Path(__file__).parents[2] / "sample_data"
noisy = pytest.mark.filterwarnings("ignore")  # Ray leaves sockets and processes to the collector
WITHOUT_RAY = "import sys; sys.modules['ray'] = None; "


def run_python(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def encode(report: Report) -> tuple[bytes, Any]:
    """Return the CSV of a report, and its skipped files."""
    return format_report(report, format="csv"), report.skipped


def scan_here(photos: Path) -> Report:
    return dedupe.scan(photos, index=None)


def test_a_scan_without_the_option_loads_nothing_of_ray(photos: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from dedupe.cli import app; app(sys.argv[1:], standalone_mode=False); "
        "print([name for name in sys.modules if name.split('.')[0] in ('ray', 'pyarrow')])"
    )
    report = tmp_path / "report.csv"
    done = run_python(code, "scan", photos, "--no-index", "-q", "--report", report)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_without_ray_the_option_is_one_line_with_the_way_out(photos: Path) -> None:
    code = WITHOUT_RAY + "from dedupe.cli import app; app(sys.argv[1:])"
    done = run_python(code, "scan", photos, "--ray", "local", "--no-index")
    assert done.returncode == 9
    assert done.stderr == "dedupe: --ray needs Ray: pip install 'dedupe-images[ray]'\n"


def test_a_file_that_a_node_does_not_reach_stops_the_scan(tmp_path: Path) -> None:
    here, gone = tmp_path / "here.jpg", tmp_path / "gone.jpg"
    here.touch()
    check_reach(Finished("", {}, (Skipped(str(gone), "vanished"),), "node7"))
    with pytest.raises(EngineError, match=rf"node node7 does not reach {here}, which exists"):
        check_reach(Finished("", {}, (Skipped(str(here), "vanished"),), "node7"))


def overwrite_unseen(path: Path) -> None:
    """Replace the bytes of a file by zeros, so that `stat` does not show it."""
    seen = path.stat()
    path.write_bytes(bytes(seen.st_size))
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))


@pytest.mark.ray
@pytest.mark.usefixtures("cluster")
@noisy
class TestOnACluster:
    """Scans of two cores."""

    @pytest.mark.parametrize("partition", [1, 3, None])
    def test_the_report_is_that_of_one_machine(self, photos: Path, partition: int | None) -> None:
        found = scan_with_ray(photos, index=None, partition=partition)
        assert encode(found) == encode(scan_here(photos))
        assert (len(found.groups), len(found.skipped)) == (3, 1)

    def test_pictures_of_all_kinds_give_the_report_of_one_machine(self, tmp_path: Path) -> None:
        shutil.copytree(SAMPLES, folder := tmp_path / "photos")
        photo, screen = draw_scene(5, width=720, height=480), Image.new("RGB", (720, 1440))
        screen.paste(photo, (0, 480))
        photo.save(folder / "photo.jpg", quality=90)
        screen.save(folder / "screen.jpg", quality=90)
        expected = encode(scan_here(folder))
        for _ in range(2):
            found = scan_with_ray(folder, store=tmp_path / "store", partition=5)
            assert encode(found) == expected
        assert any("inside a larger picture" in d.how for d in found.duplicates)

    def test_unchanged_files_are_not_read_again(self, photos: Path, tmp_path: Path) -> None:
        store = tmp_path / "store"
        first = scan_with_ray(photos, store=store)
        for path in photos.rglob("*.png"):
            overwrite_unseen(path)
        second = scan_with_ray(photos, store=store)
        assert (first.statistics.reused, second.statistics.reused) == (0, 8)
        assert encode(second) == encode(first)

    def test_a_changed_file_is_read_again(self, photos: Path, tmp_path: Path) -> None:
        store = tmp_path / "store"
        scan_with_ray(photos, store=store)
        (photos / "alone.png").write_bytes((photos / "picture 2.png").read_bytes())
        second = scan_with_ray(photos, store=store)
        assert second.statistics.reused == 7
        assert encode(second) == encode(scan_here(photos))

    def test_a_stage_reports_its_progress(self, photos: Path) -> None:
        seen: dict[str, int] = {}

        def add(stage: str, done: int, _total: int) -> None:
            seen[stage] = seen.get(stage, 0) + done

        scan_with_ray(photos, index=None, on_progress=add)
        assert (seen["walk"], seen["embed"], seen["keep"]) == (9, 9, 3)

    def test_an_encoder_that_a_node_lacks_is_one_clear_error(
        self, photos: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(dedupe.DedupeError, match="encoder"):
            scan_with_ray(photos, index=None, encoder=tmp_path / "nowhere")

    def test_an_error_of_a_task_names_its_node(self) -> None:
        def fail(_: int) -> None:
            raise InputError("cannot read a.jpg")

        with pytest.raises(InputError, match=rf"^node {platform.node()}: cannot read a\.jpg$"):
            list(Cluster("local").map(fail, [1]))

    def test_results_come_in_the_order_of_the_items(self) -> None:
        def square(number: int) -> int:
            return number * number

        assert list(Cluster("local").map(square, range(40))) == [n * n for n in range(40)]
