"""`dedupe train` as a user meets it, where parts do not fit together or weights cannot be had."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from drawings import save_photos
from typer.testing import CliRunner, Result

from dedupe.cli import app
from dedupe.encoder.manifest import BUILT_IN, KERAS_FILE, read_manifest
from dedupe.siamese.config import LOSSES, VIEWS
from dedupe.siamese.heads import HEADS
from dedupe.siamese.towers import TOWERS


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["train", *(str(argument) for argument in arguments)])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--tower", "pisa"], "no tower is called 'pisa'"),
        (["--head", "hydra"], "no head is called 'hydra'"),
        (["--loss", "hinge"], "no loss is called 'hinge'"),
        (["--loss", "binary"], "choose one with --head"),
        (["--weights", "imagenet"], "tower residual has no backbone to fetch or freeze"),
        (["--tower", "signet", "--frozen"], "tower signet has no backbone to fetch or freeze"),
        (["--tower", "inceptionv3", "--side", "64"], "needs a side of 75 pixels or more"),
        (["--precision", "float8"], "no precision is called 'float8'"),
        (["--tower", "tiny", "--small-share", "0.5"], "tower tiny takes one size only"),
    ],
)
def test_parts_that_do_not_fit_are_one_line_before_any_photo_is_read(
    tmp_path: Path, options: list[str], words: str
) -> None:
    (tmp_path / "no photos").mkdir()
    result = run(tmp_path / "no photos", "--out", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_missing_is_named_before_tensorflow_is_loaded(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from dedupe.cli import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit as end: assert end.code == 3, end.code\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", script, "train", str(tmp_path / "none"), "--out", "x"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == f"dedupe: cannot read {tmp_path / 'none'}: it does not exist\n"


@pytest.mark.parametrize(("set_by_user", "used"), [(None, "1"), ("0", "0")])
def test_tensorflow_convolves_by_onednn_unless_the_user_chose(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, set_by_user: str | None, used: str
) -> None:
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", set_by_user or "")
    if set_by_user is None:
        monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    run(tmp_path, "--out", tmp_path / "out", "--tower", "pisa")
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == used


def test_help_names_every_tower_head_loss_and_views() -> None:
    told = run("--help").stdout
    for name in (*TOWERS, *HEADS, *LOSSES, *VIEWS):
        assert name in told, name


def test_weights_of_an_encoder_are_those_of_its_tower(tmp_path: Path) -> None:
    shipped = read_manifest(BUILT_IN)
    told = f"tower {shipped.name} has no backbone to fetch or freeze"
    result = run(
        tmp_path, "--out", tmp_path / "out", "--weights", BUILT_IN / KERAS_FILE, "--frozen"
    )
    assert (result.exit_code, told in result.stderr) == (2, True)
    (tmp_path / KERAS_FILE).write_bytes((BUILT_IN / KERAS_FILE).read_bytes())
    result = run(
        tmp_path, "--out", tmp_path / "out", "--weights", tmp_path / KERAS_FILE, "--frozen"
    )
    assert "tower residual has no backbone" in result.stderr


def test_a_head_that_needs_places_says_which_tower_has_them(tmp_path: Path) -> None:
    save_photos(tmp_path / "photos", 90, side=40)
    result = run(tmp_path / "photos", "--out", tmp_path / "out", "--head", "spatial",
                 "--loss", "binary", "--side", "32", "--pairs", "2")  # fmt: skip
    assert result.exit_code == 2
    assert "needs a tower with its maps as embedding, as tiny" in result.stderr


def test_imagenet_weights_without_a_network_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr("socket.create_connection", refuse)
    save_photos(tmp_path / "photos", 90, side=40)
    result = run(tmp_path / "photos", "--out", tmp_path / "out", "--tower", "mobilenetv2",
                 "--weights", "imagenet", "--side", "32", "--pairs", "2")  # fmt: skip
    assert result.exit_code == 4
    assert len(result.stderr.splitlines()) == 1
    assert "the ImageNet weights of MobileNetV2 cannot be fetched: " in result.stderr
    assert "leave out --weights imagenet" in result.stderr
