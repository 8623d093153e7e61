"""Compare vectors on all nodes: blocks of rows with all others, or cells with their neighbours."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dedupe.distributed.cells import (
    Cell,
    CellSearch,
    FewSearch,
    merge_nearest,
    plan_parts,
    search_cells,
    split_cells,
)
from dedupe.distributed.cluster import Cluster
from dedupe.search.bounds import shorten
from dedupe.search.exact import NearestRows, Neighbours, Rows, Vectors
from dedupe.search.ivf import InvertedFile, count_cells, measure_gaps, train
from dedupe.search.limits import SearchLimits
from dedupe.search.search import Space

_PART = 1 << 15  # rows that a task searches in cells
_BLOCK = 1 << 16  # rows of a block before there are cells, 32 MB
_FEW = 1 << 13  # rows that a task compares with a block, instead of a block with all


@dataclass(frozen=True, eq=False, kw_only=True)
class ClusterSpace(Space):
    """Vectors that tasks compare."""

    cluster: Cluster
    kept: dict[str, Any] = field(default_factory=dict)  # references to vectors on the nodes

    def find_parts(
        self,
        rows: Rows,
        cells: InvertedFile | None,
        skip: NDArray[np.bool_] | None,
        drop_dense: bool,
    ) -> Generator[tuple[int, Neighbours]]:
        """Yield how many of the rows a task searched, and their neighbours."""
        if cells is not None:
            yield from self._search_cells(rows, cells, skip, drop_dense)
        elif len(rows) <= _FEW < len(self.vectors) and not drop_dense:
            yield len(rows), self._search_few(rows, skip)
        else:
            yield from self._search_all(rows, skip, drop_dense)

    def _search_all(
        self, rows: Rows, skip: NDArray[np.bool_] | None, drop_dense: bool
    ) -> Iterator[tuple[int, Neighbours]]:
        """Yield the neighbours of blocks of (Q,) rows among all (N,) rows but the skipped ones."""
        blocks = [rows[at : at + self.block] for at in range(0, len(rows), self.block)]
        work = _BlockSearch(
            partial(_get, self._share("vectors", (self.vectors, self.rank))),
            self.limits,
            drop_dense,
            None if skip is None else np.flatnonzero(~skip),
        )
        for block, found in zip(blocks, self.cluster.map(work, blocks), strict=True):
            yield len(block), found

    def _search_cells(
        self, rows: Rows, cells: InvertedFile, skip: NDArray[np.bool_] | None, drop_dense: bool
    ) -> Iterator[tuple[int, Neighbours]]:
        """Yield the neighbours of (Q,) rows in their nearest cells, part by part."""
        sizes = np.array([len(cells.members(cell)) for cell in range(cells.count)])
        search = CellSearch(
            partial(_fetch_cells, self._share_cells(cells)),
            cells.centroids,
            sizes,
            self.axes,
            min(cells.probes, cells.count),
            self.limits,
            drop_dense,
            None if len(rows) == len(self.vectors) else np.sort(rows),
            None if skip is None else np.flatnonzero(skip),
        )
        wanted = np.zeros(len(self.vectors), bool)
        wanted[rows] = True
        parts = [
            part
            for part in plan_parts(cells.centroids, sizes, _PART)
            if any(wanted[cells.members(cell)].any() for cell in part.cells)
        ]
        done = self.cluster.map(partial(search_cells, search), parts)
        for part, found in zip(parts, done, strict=True):
            yield int(sizes[[*part.cells]].sum()) // part.shares, found

    def _search_few(self, rows: Rows, skip: NDArray[np.bool_] | None) -> Neighbours:
        """Return the neighbours of (Q,) rows among all rows, which no node holds at a time."""
        shared = self.kept.get("cells") or self._share_blocks()
        search = FewSearch(
            partial(_fetch_cells, shared),
            self._take(rows),
            self.axes,
            self.limits,
            None if skip is None else np.flatnonzero(skip),
        )
        each = max(1, len(shared) * _BLOCK // len(self.vectors))
        tasks = [range(at, min(at + each, len(shared))) for at in range(0, len(shared), each)]
        return merge_nearest(list(self.cluster.map(search, tasks)), self.limits, self.rank)

    def make_cells(self) -> InvertedFile:
        """Train cells here, assign rows to them in tasks, and split those that are too large."""
        short = self.vectors if self.short is None else self.short
        centroids = train(short, count_cells(len(short)))
        own = np.concatenate(
            list(self.cluster.map(partial(_assign, centroids, self.axes), self._share_blocks()))
        )
        return InvertedFile(short, *split_cells(short, centroids, own))

    def _take(self, rows: Rows) -> Cell:
        return Cell(rows.astype(np.int32), self.vectors[rows], self.rank[rows])

    def _share(self, name: str, value: Any) -> Any:
        """Return the reference to a value on the nodes, which is put there once."""
        if name not in self.kept:
            self.kept[name] = self.cluster.ray.put(value)
        return self.kept[name]

    def _share_blocks(self) -> list[Any]:
        """Return a reference to each block of rows."""
        if "blocks" not in self.kept:
            count = len(self.vectors)
            blocks = (np.arange(at, min(at + _BLOCK, count)) for at in range(0, count, _BLOCK))
            self.kept["blocks"] = [self.cluster.ray.put(self._take(block)) for block in blocks]
        shared: list[Any] = self.kept["blocks"]
        return shared

    def _share_cells(self, cells: InvertedFile) -> list[Any]:
        """Return a reference to each cell; blocks are not needed any more."""
        if "cells" not in self.kept:
            self.kept.pop("blocks", None)
            self.kept["cells"] = [
                self.cluster.ray.put(self._take(cells.members(cell))) for cell in range(cells.count)
            ]
        shared: list[Any] = self.kept["cells"]
        return shared


@dataclass(frozen=True, slots=True, eq=False)
class _BlockSearch:
    """Compares a block of rows with all others, in a task."""

    load: Callable[[], tuple[Vectors, Rows]]  # (N, D) vectors and (N,) rank
    limits: SearchLimits
    drop_dense: bool
    others: Rows | None  # (O,) rows to compare with; None for all

    def __call__(self, rows: Rows) -> Neighbours:
        """Return the neighbours of (B,) rows."""
        vectors, rank = self.load()
        others = np.arange(len(vectors)) if self.others is None else self.others
        with threadpool_limits(1, user_api="blas"):
            nearest = NearestRows(vectors, rows, self.limits, drop_dense=self.drop_dense)
            nearest.compare(np.arange(len(rows)), others)
            return nearest.finish(rank)


def make_space(cluster: Cluster, vectors: Vectors, limits: SearchLimits, rank: Rows) -> Space:
    """Return what compares the rows of (N, D) vectors on a cluster, given their (N,) rank."""
    return ClusterSpace(vectors, limits, rank, block=2048, workers=cluster.cores, cluster=cluster)


def _assign(centroids: Vectors, axes: Vectors | None, block: Cell) -> NDArray[np.int32]:
    """Return the nearest of (C, D) centroids for each of the (B,) rows of a block, in a task."""
    vectors = block.vectors
    with threadpool_limits(1, user_api="blas"):
        short = vectors if axes is None else shorten(vectors, axes)
        nearest = [gaps.argmin(axis=1) for gaps in measure_gaps(short, centroids)]
    return np.concatenate(nearest).astype(np.int32)


def _get(reference: Any) -> Any:
    """Return a shared value, in a task; arrays in it stay in the memory that a node shares."""
    return importlib.import_module("ray").get(reference)


def _fetch_cells(references: Sequence[Any], cells: Sequence[int]) -> list[Cell]:
    found: list[Cell] = _get([references[cell] for cell in cells])
    return found
