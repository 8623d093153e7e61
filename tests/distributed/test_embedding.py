"""Partitions of files on their way to an actor and back; the actor without a cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders import a_photo

from dedupe.decode.image import DECODER_VERSION
from dedupe.distributed.embedding import (
    Actors,
    EmbedFiles,
    EmbedJob,
    from_table,
    plan_actors,
    to_table,
)
from dedupe.distributed.store import PartStore
from dedupe.encoder.manifest import BUILT_IN, Engine, read_manifest
from dedupe.options import InputOptions, RunOptions, WalkOptions
from dedupe.pipeline.resources import walk_inputs


def a_job(tmp_path: Path) -> EmbedJob:
    manifest = read_manifest(BUILT_IN, "litert")
    store = PartStore.open(str(tmp_path / "store"), manifest.fingerprint, DECODER_VERSION)
    return EmbedJob(RunOptions(index=None), manifest, 10**8, store)


def test_files_survive_the_way_to_a_node() -> None:
    file = replace(a_photo("/a\udcff\n.jpg").file, mtime_ns=-(2**70), inode=2**64 - 1, links=3)
    (back,) = from_table(to_table([file]))
    assert (back, back.links) == (file, 3)


def test_an_actor_writes_its_partition_and_returns_the_digests(
    photos: Path, tmp_path: Path
) -> None:
    job = a_job(tmp_path)
    files = walk_inputs(InputOptions(roots=[photos]), WalkOptions()).files
    (row,) = EmbedFiles(job)(to_table(files)).to_pylist()
    parts = job.store.read([row["part"]])
    assert row["error"] is None
    assert (len(row["paths"]), len(set(row["digests"])), len(parts.contents)) == (8, 7, 7)
    assert [path.decode() for path in row["skipped"]] == [str(photos / "broken.jpg")]
    assert row["reasons"] == ["truncated or broken"]
    assert len(job.store.find_thumbnails(parts.places, [*parts.contents])) == 7


def test_an_encoder_of_another_version_on_a_node_is_an_error(photos: Path, tmp_path: Path) -> None:
    job = a_job(tmp_path)
    calibrations = {
        engine: replace(calibration, fingerprint="0" * 16)
        for engine, calibration in job.manifest.calibrations.items()
    }
    other = replace(job, manifest=replace(job.manifest, calibrations=calibrations))
    files = walk_inputs(InputOptions(roots=[photos]), WalkOptions()).files
    (row,) = EmbedFiles(other)(to_table(files)).to_pylist()
    assert row["error"] == "EncoderError"
    assert "where the scan began: install one version" in row["words"]


@pytest.mark.parametrize(
    ("cores", "gpus", "engine", "wanted"),
    [
        (8, 0, "litert", Actors(8, 1, None)),
        (8, 2, "litert", Actors(8, 1, None)),
        (8, 0, "keras", Actors(8, 1, None)),
        (32, 2, "keras", Actors(8, 4, 0.25)),
        (2, 1, "keras", Actors(2, 1, 0.5)),
    ],
)
def test_actors_share_the_gpus_that_the_encoder_can_use(
    tmp_path: Path, cores: int, gpus: int, engine: Engine, wanted: Actors
) -> None:
    job = a_job(tmp_path)
    job = replace(job, manifest=replace(job.manifest, engine=engine))
    assert plan_actors(cores, gpus, job) == wanted
