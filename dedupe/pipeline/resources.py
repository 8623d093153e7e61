"""Open what the options of a scan name: encoder, index, verifier, roots and protected places."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from dedupe.apply.history import list_moved
from dedupe.decode.formats import (
    RAW_EXTENSIONS,
    supported_extensions,
    unsupported_extensions,
)
from dedupe.decode.image import DECODER_VERSION
from dedupe.encoder.choice import choose_encoder, choose_manifest
from dedupe.encoder.manifest import Encoder, Manifest
from dedupe.errors import InputError
from dedupe.files.paths import USER_FILE, StrPath, UserFile, is_below
from dedupe.files.remote import absolute, is_url, list_files
from dedupe.index.embedding_index import EmbeddingIndex, default_index_path
from dedupe.index.protocol import Index
from dedupe.options import InputOptions, RunOptions, ScanOptions, WalkOptions
from dedupe.types import Contents, ImageFile
from dedupe.verify.load import load_every_pixel, load_pixels, load_thumbnail
from dedupe.verify.verifier import Verifier
from dedupe.walk import Walked, read_list, walk


def open_manifest(run: RunOptions) -> Manifest:
    return choose_manifest(run.encoder, device=run.device, runtime=run.runtime)


def open_run_encoder(run: RunOptions) -> Encoder:
    return choose_encoder(
        run.encoder, device=run.device, runtime=run.runtime, batch_size=run.batch_size
    )


def open_index(
    index: StrPath | UserFile | None, fingerprint: str
) -> contextlib.AbstractContextManager[EmbeddingIndex | None]:
    if index is None:
        return contextlib.nullcontext()
    path = default_index_path() if index is USER_FILE else Path(index)
    return EmbeddingIndex(path, encoder=fingerprint, decoder=DECODER_VERSION)


def open_verifier(
    contents: Contents, options: ScanOptions, *, side: int, index: Index | None
) -> Verifier:
    """Return what judges rows of the contents, by the first file of each."""
    limit = options.walk.max_pixels
    return Verifier(
        [photos[0] for photos in contents.photos],
        load=functools.partial(load_pixels, max_pixels=limit),
        load_thumbnail=functools.partial(load_thumbnail, side=side, max_pixels=limit),
        load_fine=functools.partial(load_every_pixel, max_pixels=limit),
        workers=options.run.workers,
        vectors=contents.vectors,
        remembered=index,
    )


def find_protection(places: Sequence[StrPath]) -> Callable[[str], bool] | None:
    """Return whether a photo at a path lies at or below one of the places; None if none does.

    Raises:
        InputError: a place does not exist: a typing error must not go unnoticed.
    """
    named = [os.fsdecode(place) for place in places]
    urls = tuple(list_files(place)[0] for place in named if is_url(place))
    local = [absolute(place) for place in named if not is_url(place)]
    for place in local:
        if not os.path.exists(place):
            raise InputError(f"cannot protect {place!r}: it does not exist")
    if not places:
        return None
    real_places = [os.path.realpath(place) for place in local]
    inside = tuple(os.path.join(place, "") for place in real_places)
    resolve = functools.cache(os.path.realpath)  # once for each folder

    def is_protected(path: str) -> bool:
        if is_url(path):
            return path in urls or path.startswith(tuple(f"{url}/" for url in urls))
        folder, name = os.path.split(path)
        real = os.path.join(resolve(folder), name)
        return real in real_places or real.startswith(inside)

    return is_protected


def walk_inputs(inputs: InputOptions, files: WalkOptions, *, pairs: bool = False) -> Walked:
    """Walk the roots; what earlier runs moved aside inside a root is left out.

    Args:
        pairs: also take the raw files that lie beside a picture of their name.
    """
    walked = walk(
        inputs.roots,
        files,
        listed=read_list(inputs.files_from) if inputs.files_from is not None else (),
        extensions=supported_extensions(),
        sidecars=frozenset() if pairs else RAW_EXTENSIONS,
        unsupported=unsupported_extensions(),
    )
    roots = [os.path.abspath(os.fspath(root)) for root in inputs.roots]
    moved = list_moved(roots)
    if not moved:
        return walked

    def was_moved(file: ImageFile) -> bool:  # a file of the list was named by the user
        aside = moved.get(roots[file.root], ()) if file.root < len(roots) else ()
        return (file.path, file.size, file.mtime_ns) in aside

    return replace(walked, files=tuple(f for f in walked.files if not was_moved(f)))


def list_empty_roots(roots: Sequence[StrPath], files: Sequence[ImageFile]) -> tuple[str, ...]:
    """Return the roots, absolute, that are no image and have none below them."""
    used = {file.root for file in files}
    unused = (absolute(root) for at, root in enumerate(roots) if at not in used)
    return tuple(  # a root inside another one, or given twice, has files of an earlier root
        root
        for root in unused
        if not any(file.path == root or is_below(file.path, root) for file in files)
    )
