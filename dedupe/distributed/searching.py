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
    plan_parts,
    search_cells,
    split_cells,
)
from dedupe.distributed.cluster import Cluster
from dedupe.search.exact import NearestRows, Neighbours, Rows, Vectors
from dedupe.search.ivf import InvertedFile, count_cells, measure_gaps, train
from dedupe.search.limits import SearchLimits
from dedupe.search.search import Space

_PART = 1 << 14  # rows that a task searches in cells
_ASSIGNED = 1 << 16  # rows that a task assigns to cells, 32 MB


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
        if cells is None:
            yield from self._search_all(rows, skip, drop_dense)
        else:
            yield from self._search_cells(rows, cells, skip, drop_dense)

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
        search = CellSearch(
            partial(_fetch_cells, self._share_cells(cells)),
            cells.centroids,
            min(cells.probes, cells.count),
            self.limits,
            drop_dense,
            None if len(rows) == len(self.vectors) else np.sort(rows),
            None if skip is None else np.flatnonzero(skip),
        )
        sizes = np.array([len(cells.members(cell)) for cell in range(cells.count)])
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

    def make_cells(self) -> InvertedFile:
        """Train cells here, assign rows to them in tasks, and split those that are too large."""
        count = len(self.vectors)
        centroids = train(self.vectors, count_cells(count))
        blocks = (self.vectors[at : at + _ASSIGNED] for at in range(0, count, _ASSIGNED))
        own = np.concatenate(list(self.cluster.map(partial(_assign, centroids), blocks)))
        return InvertedFile(self.vectors, *split_cells(self.vectors, centroids, own))

    def _share(self, name: str, value: Any) -> Any:
        """Return the reference to a value on the nodes, which is put there once."""
        if name not in self.kept:
            self.kept[name] = self.cluster.ray.put(value)
        return self.kept[name]

    def _share_cells(self, cells: InvertedFile) -> list[Any]:
        """Return a reference to each cell."""
        if "cells" not in self.kept:
            members = [cells.members(cell) for cell in range(cells.count)]
            self.kept["cells"] = [
                self.cluster.ray.put(Cell(rows, self.vectors[rows], self.rank[rows]))
                for rows in members
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


def _assign(centroids: Vectors, vectors: Vectors) -> NDArray[np.int32]:
    """Return the nearest of (C, D) centroids for each of (B, D) vectors, in a task."""
    with threadpool_limits(1, user_api="blas"):
        nearest = [gaps.argmin(axis=1) for gaps in measure_gaps(vectors, centroids)]
    return np.concatenate(nearest).astype(np.int32)


def _get(reference: Any) -> Any:
    """Return a shared value, in a task; arrays in it stay in the memory that a node shares."""
    return importlib.import_module("ray").get(reference)


def _fetch_cells(references: Sequence[Any], cells: Sequence[int]) -> list[Cell]:
    found: list[Cell] = _get([references[cell] for cell in cells])
    return found
