"""Fit the weights of `dedupe.provenance` on pairs of known direction. Run by hand.

    python tests/benchmarks/fit_provenance.py measure PHOTOS ... --half fitted --pairs 3000 --out fitted.jsonl
    python tests/benchmarks/fit_provenance.py measure PHOTOS ... --half held --pairs 600 --out held.jsonl
    python tests/benchmarks/fit_provenance.py measure PHOTOS ... --half held --kinds --pairs 300 --out kinds.jsonl
    python tests/benchmarks/fit_provenance.py fit fitted.jsonl held.jsonl kinds.jsonl [--weights FOLDER]
    python tests/benchmarks/fit_provenance.py leave-one-out fitted.jsonl held.jsonl kinds.jsonl

`measure` makes originals and random copies (`provenance_edits.py`) and writes the evidence on each
pair under the map that verification finds. Photos whose content has an even SHA-1 are fitted, the
others are held out. `--kinds` makes copies of the kinds of `copies.py`, which are never fitted.
`fit` needs scikit-learn; it prints the share of right pairs, by kind, on the held files, and writes
the forest and its manifest.
"""  # noqa: E501

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from copies import EDITS, EQUAL
from numpy.typing import NDArray
from PIL import Image, ImageOps
from provenance_edits import (
    FAMILIES,
    HARD,
    NO_EDITS,
    make_copy,
    make_export,
    make_original,
    reopen,
)

from dedupe.provenance.evidence import EVIDENCE_VERSION, compare, from_json
from dedupe.provenance.rank import name_vector, to_vector
from dedupe.provenance.signs import EARLIER, FILES, GROUPS, find_group
from dedupe.provenance.source import read_source
from dedupe.types import FrameMatrix
from dedupe.verify.align import one_thread_each
from dedupe.verify.cascade import examine
from dedupe.verify.features import Features
from dedupe.verify.load import decode_small

Floats = NDArray[np.float64]
Row = dict[str, Any]

_AS_IT_CAME = 0.4  # share of the originals that are files as they came
_FROM_CAMERA = 0.5  # share of the originals that are finer than most copies
_SIBLINGS = 0.5
"""Share of the copies of a camera's originals that were made from the picture before it was
encoded: an export of a raw file, or an edit in a camera's or messenger's own program."""
_LARGEST = 800  # longer side of a photo that is used as it came, pixels
_FOREST = {
    "max_iter": 350, "learning_rate": 0.06, "max_leaf_nodes": 12, "min_samples_leaf": 15,
    "l2_regularization": 1.0, "max_features": 0.3,
}  # fmt: skip
_SEEDS = (0, 1, 2)
_FINER = 2.0  # originals that are finer than their copy, for each coarser one
_FALLING = (
    "forward.exceed", "forward.exceed_filtered", "forward.explained", "forward.chroma",
    "forward.fit", "forward.fit_filtered",
)  # fmt: skip
"""Evidence that speaks for the second as the copy if it is small, whatever else is known."""
_SINGLE = {
    "removed.outside": 1,
    "file.colours": -1,
    "file.earlier": 1,
    "file.shifted": 1,
    "gap.fit": -1,
    "gap.fit_filtered": -1,
    "gap.cell": -1,
    "gap.exceed": -1,
    "gap.chroma": -1,
    "gap.changed_alone": 1,
    "added.changed_alone": 1,
    "removed.changed_alone": -1,
}


# Measure


def list_photos(folders: Sequence[Path], half: str) -> list[Path]:
    """Return the photos of a half: `fitted` or `held`."""
    wanted = 0 if half == "fitted" else 1
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [p for p in files if hashlib.sha1(p.name.encode()).digest()[-1] % 2 == wanted]


@dataclass(frozen=True, slots=True)
class Pair:
    """The files of an original and of a copy of it."""

    kind: str
    photo: str
    original: bytes
    copy: bytes
    near: FrameMatrix  # from the frame of the copy to that of the original, by verification


def make_pairs(
    photos: Sequence[Path],
    pairs: int,
    seed: int,
    *,
    kinds: bool,
    families: Sequence[str] = (),
    exports: bool = False,
) -> Iterator[Pair]:
    """Yield random pairs that verification aligns.

    Args:
        exports: every original is the export of a camera's JPEG.
        families: of `provenance_edits.py` to choose from; all if empty.
    """
    rng, made = random.Random(seed), 0
    names = sorted(set(EDITS) - EQUAL)
    while made < pairs:
        path = rng.choice(photos)
        try:
            from_camera = exports or rng.random() < _FROM_CAMERA
            original, encoded = _choose_original(
                path.read_bytes(), rng, from_camera=from_camera, exports=exports
            )
            is_sibling = from_camera and rng.random() < _SIBLINGS
            image = encoded if is_sibling else reopen(original)
            family, copy = (
                _make_kind(image, names[made % len(names)], rng)
                if kinds
                else make_copy(
                    image, rng, from_camera=from_camera, families=_edits(families, is_sibling)
                )
            )
            near = _align(original, copy)
        except (ValueError, OSError) as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            continue
        made += 1
        if near is not None:
            yield Pair(family, path.name, original, copy, near)


def _edits(families: Sequence[str], is_sibling: bool) -> Sequence[str]:
    """Return the families that a copy is made of; a sibling must be edited to be the copy."""
    if not is_sibling:
        return families
    return [name for name in families or (*FAMILIES, *HARD) if name not in NO_EDITS]


def measure(pairs: Iterable[Pair]) -> Iterator[Row]:
    """Yield the evidence on pairs, as a scan measures it; pairs without evidence are left out."""
    for pair in pairs:
        with one_thread_each():
            evidence = compare(read_source(pair.original), read_source(pair.copy), pair.near)
        if evidence is not None:
            text = json.loads(evidence.to_json())
            yield {"kind": pair.kind, "photo": pair.photo, "evidence": text}


def _choose_original(
    data: bytes, rng: random.Random, *, from_camera: bool, exports: bool
) -> tuple[bytes, Image.Image]:
    """Return the file of an original, and the picture that was encoded."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    if exports:
        return make_export(image, rng)
    if not from_camera and rng.random() < _AS_IT_CAME and max(image.size) <= _LARGEST:
        return data, image
    return make_original(image, rng, from_camera=from_camera)


def _make_kind(image: Image.Image, kind: str, rng: random.Random) -> tuple[str, bytes]:
    edit, options, _ = EDITS[kind]
    buffer = io.BytesIO()
    edit(image, rng).convert("RGB").save(buffer, **options)
    return kind, buffer.getvalue()


def _align(original: bytes, copy: bytes) -> FrameMatrix | None:
    """Return the map that verification finds, see `Pair`; None if it finds no copy."""
    features = []
    for data in (original, copy):
        image = Image.open(io.BytesIO(data))
        width, height = ImageOps.exif_transpose(image).size
        features.append(Features(decode_small(data, width, height)))
    with one_thread_each():
        verdict = examine(*features).verdict
    return verdict.matrix if verdict.is_copy else None


# Fit


def load(path: Path) -> tuple[list[str], Floats, Floats, list[str]]:
    """Return kinds, vectors (N, F), vectors of the flipped pairs (N, F), and names (F,)."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    evidence = [from_json(json.dumps(row["evidence"])) for row in rows]
    there, back = (
        np.array(v)
        for v in zip(*((to_vector(e), to_vector(e.flip())) for e in evidence), strict=True)
    )
    return [row["kind"] for row in rows], there, back, name_vector(evidence[0])


def fit(
    there: Floats, back: Floats, names: Sequence[str], seeds: Sequence[int] = _SEEDS
) -> list[Any]:
    """Return a boosted forest for each seed, fitted on both orders of each pair."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    signs = dict(_SINGLE) | dict.fromkeys(_FALLING, -1)
    signs |= {name.replace("forward", "backward"): 1 for name in _FALLING}
    weights = _balance(there, names)
    x = np.concatenate([there, back])
    y = np.concatenate([np.ones(len(there)), np.zeros(len(back))])
    leaf = min(int(_FOREST["min_samples_leaf"]), max(1, len(x) // 20))
    return [
        HistGradientBoostingClassifier(
            **(_FOREST | {"min_samples_leaf": leaf}),
            random_state=seed,
            monotonic_cst=[signs.get(name, 0) for name in names],
        ).fit(x, y, np.tile(weights, 2))
        for seed in seeds
    ]


def _balance(there: Floats, names: Sequence[str]) -> Floats:
    """Return weights (N,) that give `_FINER` pairs of a finer original for each of a coarser one.

    Cameras write finer files than most programs, but the web and messengers write coarser ones.
    The share among the random pairs would become another prior.
    """
    weights = np.ones(len(there))
    if {"first.quality", "second.quality"} <= set(names):
        first, second = (there[:, names.index(f"{side}.quality")] for side in ("first", "second"))
        known = (first > 0) & (second > 0)
        sides = [(known & (first > second), _FINER), (known & (first < second), 1.0)]
        if all(side.any() for side, _ in sides):
            for side, share in sides:
                weights[side] = share / (1 + _FINER) * known.sum() / side.sum()
    return weights


def score(models: Sequence[Any], there: Floats, back: Floats) -> Floats:
    """Return the antisymmetric scores (N,): positive where the original is found."""
    parts = [m.decision_function(there) - m.decision_function(back) for m in models]
    return np.asarray(np.mean(parts, axis=0))


def export(models: Sequence[Any], folder: Path, manifest: Row) -> None:
    """Write the forest as arrays, see `dedupe.provenance.forest`, and its manifest."""
    trees = [stage[0].nodes for model in models for stage in model._predictors]
    shape = (len(trees), max(map(len, trees)))
    arrays: dict[str, NDArray[Any]] = {
        "feature": np.full(shape, -1, np.int16), "bound": np.zeros(shape, np.float32),
        "left": np.zeros(shape, np.uint8), "right": np.zeros(shape, np.uint8),
        "value": np.zeros(shape, np.float32),
    }  # fmt: skip
    for row, nodes in enumerate(trees):
        inner, n = nodes["is_leaf"] == 0, len(nodes)
        arrays["feature"][row, :n] = np.where(inner, nodes["feature_idx"], -1)
        arrays["bound"][row, :n] = np.where(inner, nodes["num_threshold"], 0)
        arrays["left"][row, :n] = np.where(inner, nodes["left"], 0)
        arrays["right"][row, :n] = np.where(inner, nodes["right"], 0)
        arrays["value"][row, :n] = _average_leaves(nodes) / len(models)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "forest.npz", allow_pickle=False, **arrays)
    text = json.dumps(manifest, indent=2) + "\n"
    (folder / "manifest.json").write_text(text, encoding="utf-8")


def _average_leaves(nodes: NDArray[Any]) -> Floats:
    """Return the value of each leaf of a tree, and the mean of the leaves below each node, (N,)."""
    value, count = nodes["value"].astype(float), nodes["count"].astype(float)
    for at in reversed(range(len(nodes))):  # a node comes before those below it
        if not nodes["is_leaf"][at]:
            both = [int(nodes[side][at]) for side in ("left", "right")]
            value[at] = np.average(value[both], weights=count[both])
    return value


def describe(kinds: Sequence[str], scores: Floats) -> str:
    """Return the share of right pairs, and of each kind, the weakest first."""
    by: dict[str, list[bool]] = defaultdict(list)
    for kind, value in zip(kinds, scores, strict=True):
        by[kind].append(bool(value > 0))
    parts = sorted((float(np.mean(right)), kind, len(right)) for kind, right in by.items())
    listed = ", ".join(f"{kind} {share:.2f} of {count}" for share, kind, count in parts)
    return f"{float(np.mean(scores > 0)):.3f} of {len(scores)} pairs ({listed})"


def run_fit(args: argparse.Namespace) -> None:
    """Fit, print the figures on the held files, and write the weights."""
    _, there, back, names = load(args.fitted)
    models = fit(there, back, names)
    held = {}
    for path in args.held:
        kinds, *vectors, _ = load(path)
        held[path.stem] = describe(kinds, score(models, *vectors))
        print(f"{path.stem}: {held[path.stem]}")
    if args.weights:
        manifest = {
            "command": "python tests/benchmarks/fit_provenance.py (steps: docs/provenance.md)",
            "evidence_version": EVIDENCE_VERSION,
            "pairs": len(there),
            "photos": args.photos,
            "model": f"HistGradientBoostingClassifier({_FOREST}), seeds {_SEEDS}, both orders",
            "finer_for_each_coarser": _FINER,
            "monotone": [*_FALLING, *_SINGLE],
            "score": "forest(first, second) - forest(second, first): antisymmetric",
            "held_out": held,
            "names": names,
        }
        export(models, args.weights, manifest)


def run_leave_one_out(args: argparse.Namespace) -> None:
    """Print a table: the figures without, and with only, each group of numbers."""
    _, there, back, names = load(args.fitted)
    held = [load(path)[1:3] for path in args.held]

    def try_columns(columns: Sequence[int]) -> str:
        chosen = [names[i] for i in columns]
        models = fit(there[:, columns], back[:, columns], chosen, (0,))
        shares = [float((score(models, *(v[:, columns] for v in h)) > 0).mean()) for h in held]
        return " / ".join(f"{share:.3f}" for share in shares)

    everything = range(len(names))
    print("| evidence | numbers | without | alone |\n|---|---|---|---|")
    print(f"| all | {len(names)} | | {try_columns(list(everything))} |")
    for group in (*GROUPS, EARLIER, FILES):
        mine = [i for i in everything if find_group(names[i]) == group]
        rest = [i for i in everything if i not in mine]
        print(f"| {group} | {len(mine)} | {try_columns(rest)} | {try_columns(mine)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("measure")
    one.add_argument("photos", type=Path, nargs="+")
    one.add_argument("--half", choices=("fitted", "held"), required=True)
    one.add_argument("--kinds", action="store_true")
    one.add_argument("--families", type=lambda names: names.split(","), default=())
    one.add_argument("--exports", action="store_true")
    one.add_argument("--pairs", type=int, default=300)
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--out", type=Path, required=True)
    for name in ("fit", "leave-one-out"):
        command = commands.add_parser(name)
        command.add_argument("fitted", type=Path)
        command.add_argument("held", type=Path, nargs="+")
        command.add_argument("--weights", type=Path)
        command.add_argument("--photos", default="")
    args = parser.parse_args()
    if args.command == "measure":
        photos = list_photos(args.photos, args.half)
        with args.out.open("w", encoding="utf-8") as out:
            pairs = make_pairs(
                photos,
                args.pairs,
                args.seed,
                kinds=args.kinds,
                families=args.families,
                exports=args.exports,
            )
            for row in measure(pairs):
                out.write(json.dumps(row) + "\n")
                out.flush()
    elif args.command == "fit":
        run_fit(args)
    else:
        run_leave_one_out(args)


if __name__ == "__main__":
    main()
