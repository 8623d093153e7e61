"""`dedupe explain` as a user meets it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import skimage
from PIL import Image, ImageDraw
from skimage import data
from typer.testing import CliRunner, Result

from dedupe.cli import app

PHOTOS = Path(skimage.__file__).parent / "data"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["explain", *(str(argument) for argument in arguments)])


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    path = tmp_path / "cat.png"
    Image.fromarray(data.chelsea()).save(path)
    return path


@pytest.fixture
def turned(tmp_path: Path) -> Path:
    path = tmp_path / "turned cat.jpg"
    Image.fromarray(data.chelsea()).transpose(Image.Transpose.ROTATE_90).save(path, quality=85)
    return path


def test_a_copy_is_reported_with_its_evidence(cat: Path, turned: Path) -> None:
    result = run(cat, turned)

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == f"A  {cat}  (451 x 300 PNG)"
    assert lines[1] == f"B  {turned}  (300 x 451 JPEG)"
    assert lines[3] == "copy: turned 90"
    assert lines[5].startswith("distance    0.")
    assert "wide 0." in lines[6]
    assert lines[7].startswith("scan        (wide) ")
    assert lines[8].startswith("decided by  thumbnails, score ")
    origin = lines.index("evidence in log-odds; positive: B was made from A")
    assert re.fullmatch(r"original    A, by \d+\.\d of log-odds", lines[origin - 1])
    assert any(line.startswith("  own rounding  ") for line in lines[origin + 1 :])
    signs = [line.split("  ")[1] for line in lines[11 : origin - 2]]
    assert signs[:3] == ["covered", "agreeing", "in place"]
    assert all(len(line) <= 100 for line in lines[2:])


def test_two_views_of_one_thing_are_reported_as_another_shot_with_the_reason() -> None:
    result = run(PHOTOS / "motorcycle_left.png", PHOTOS / "motorcycle_right.png")

    assert result.exit_code == 0
    verdict = result.stdout.splitlines()[3]
    words = r"not a copy: alignment residual of \d\.\d\d px \(in place 0\.0\d\)"
    assert re.fullmatch(words, verdict)


def test_pictures_with_nothing_in_common_are_reported(cat: Path, tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), "grey").save(tmp_path / "grey.png")
    result = run(cat, tmp_path / "grey.png")

    assert result.exit_code == 0
    assert "not a copy: the two cannot be aligned" in result.stdout
    assert "signs" not in result.stdout


def test_a_screenshot_that_shows_the_photo_is_reported(tmp_path: Path) -> None:
    photo = Image.fromarray(data.chelsea())
    photo.save(tmp_path / "photo.jpg", quality=92)
    screen = Image.new("RGB", (540, 1080), "black")
    screen.paste(photo.resize((540, 359)), (0, 340))
    screen.save(tmp_path / "screen.jpg", quality=90)
    words = "(wide) duplicates, B shows A inside a larger picture, on 33 % of the area"

    assert f"scan        {words}" in run(tmp_path / "photo.jpg", tmp_path / "screen.jpg").stdout
    found = json.loads(run(tmp_path / "screen.jpg", tmp_path / "photo.jpg", "--json").stdout)
    assert (found["is_copy"], found["decision"]) == (True, "shown inside")
    assert found["inside"]["outer"] == "A"
    assert len(found["inside"]["matrix"]) == 9


def test_the_place_of_other_print_is_reported(tmp_path: Path) -> None:
    paths = []
    for number in ("4817", "9350"):
        page = Image.new("RGB", (600, 800), "white")
        draw = ImageDraw.Draw(page)
        for row in range(20):
            draw.text((60, 40 + 36 * row), f"Position {row + 1} of the list", "black", font_size=20)
        draw.text((400, 400), number, "black", font_size=20)
        paths.append(tmp_path / f"{number}.png")
        page.save(paths[-1])

    result = run(*paths)
    assert "not a copy: " in result.stdout
    place = re.search(r"most at (\d+), (\d+) in A \((\d+) x (\d+) pixels\)", result.stdout)
    assert place is not None
    x, y, width, height = map(int, place.groups())
    assert 380 < x < x + width < 470
    assert 380 < y < y + height < 440
    box = json.loads(run(*paths, "--json").stdout)["verification"]["box"]
    assert [round(box[0] * 600), round(box[1] * 800)] == [x, y]


def test_the_same_bytes_are_said_as_such(cat: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.png"
    again.write_bytes(cat.read_bytes())
    result = run(cat, again)

    assert "copy: the same bytes" in result.stdout
    assert "distance    0.0000" in result.stdout


def test_json_says_the_same(cat: Path, turned: Path) -> None:
    told = json.loads(run(cat, turned, "--json", "--sensitivity", "wide").stdout)

    assert [Path(picture["path"]) for picture in told["pictures"]] == [cat, turned]
    assert told["verdict"] == "copy: turned 90"
    assert set(told["thresholds"]) == {"strict", "balanced", "loose", "wide"}
    verification = told["verification"]
    assert (verification["is_copy"], verification["how"]) == (True, "turned 90")
    assert verification["level"] == "thumbnails"
    assert min(verification["signs"].values()) > 0.5 < verification["score"]
    assert 0 <= verification["displaced"] < 0.3
    assert len(verification["matrix"]) == 2


def test_json_has_every_number_of_the_evidence_and_its_share(cat: Path, turned: Path) -> None:
    origin = json.loads(run(cat, turned, "--json").stdout)["origin"]

    assert origin["original"] == "A"
    assert origin["score"] > 0
    shares = sum(number["log_odds"] for number in origin["numbers"].values())
    assert shares == pytest.approx(origin["score"], abs=0.01)
    assert origin["numbers"]["forward.fit"]["value"] < origin["numbers"]["backward.fit"]["value"]


def test_more_copies_are_printed_as_a_tree(cat: Path, turned: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.jpg"
    with Image.open(cat) as image:
        image.convert("L").resize((225, 150)).save(small, quality=80)
    lines = run(turned, small, cat).stdout.splitlines()
    assert lines[0] == f"{cat}  original"
    assert sorted(line.split("  ")[1] for line in lines[1:]) == sorted(map(str, (turned, small)))
    assert any("resized to 50 %" in line for line in lines)
    tree = json.loads(run(turned, small, cat, "--json").stdout)["tree"]
    assert [branch["parent"] for branch in tree] == [None, 0, 0]


def test_more_copies_are_drawn_as_a_tree(cat: Path, turned: Path, tmp_path: Path) -> None:
    small, out = tmp_path / "small.jpg", tmp_path / "tree.png"
    with Image.open(cat) as image:
        image.resize((225, 150)).save(small, quality=80)
    assert run(turned, small, cat, "--out", out).exit_code == 0
    with Image.open(out) as figure:
        assert figure.width == 1088
        assert figure.text["Software"] == "dedupe explain"  # type: ignore[attr-defined]


def test_json_of_a_pair_without_a_map_has_no_numbers_for_it(cat: Path, tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), "grey").save(tmp_path / "grey.png")
    verification = json.loads(run(cat, tmp_path / "grey.png", "--json").stdout)["verification"]

    assert verification["signs"] == {}
    assert verification["matrix"] is verification["displaced"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["{cat}", "{tmp}/missing.jpg"], 3, "missing.jpg: vanished"),
        (["{tmp}/text.jpg", "{cat}"], 3, "not an image"),
        (["{cat}", "{cat}", "--sensitivity", "mild"], 2, "balanced"),
        (["{cat}", "{cat}", "--encoder", "{tmp}"], 4, "not an encoder"),
        (["{cat}", "{cat}", "--out", "{tmp}/why.jpg"], 2, "why.png"),
        (["{cat}", "{cat}", "--out", "{cat}"], 2, "no figure of dedupe"),
    ],
)
def test_every_failure_is_one_line_and_has_its_exit_code(
    cat: Path, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    (tmp_path / "text.jpg").write_text("text")
    result = run(*(a.format(tmp=tmp_path, cat=cat) for a in arguments))

    assert result.exit_code == code
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_a_figure_is_drawn_and_neither_picture_touched(cat: Path, turned: Path) -> None:
    before = cat.read_bytes(), turned.read_bytes()
    out = cat.parent / "why.png"
    result = run(cat, turned, "--out", out)

    assert result.exit_code == 0
    assert "copy: turned 90" in result.stdout
    with Image.open(out) as figure:
        assert (figure.format, figure.mode, figure.width) == ("PNG", "RGB", 1088)
    assert (cat.read_bytes(), turned.read_bytes()) == before


def test_without_a_figure_no_tensorflow_is_loaded(cat: Path, turned: Path) -> None:
    script = (
        "import sys\n"
        "from dedupe.cli import app\n"
        "try: app(['explain', *sys.argv[1:]])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'tensorflow', 'keras', 'torch', 'jax'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(cat), str(turned)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
