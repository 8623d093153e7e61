"""What is left over where one picture lies on another: numbers, no judgement.

A caption, a mark, another thing in the same place, a part of the frame that the other picture does
not show, a change of brightness or colour. They separate a changed copy from another shot.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dedupe.verify.addition import is_addition
from dedupe.verify.align import Alignment
from dedupe.verify.colours import Colours, compare_colours
from dedupe.verify.exposure import measure_exposure
from dedupe.verify.features import Array, Features
from dedupe.verify.layers import Layers, Matrix, fill, outline, smooth_part
from dedupe.verify.swapped import measure_swap
from dedupe.verify.tone import find_tone

_STRUCTURE = 6.0  # spread of brightness in a window that shows something, levels
_COVERED = 0.2  # part of that spread that a flat thing over it has at most
_AGREEING = 0.5  # share of the structure that agrees below which nothing else is measured
_MOVED = 0.5  # displacement of a thing that moved, at least, pixels


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """How two pictures lie on each other under one affine map, and what that map leaves over."""

    matrix: Matrix  # from the outer picture, with pixels that span more, to the inner one
    inliers: int  # distinct places with equal features; 0 if whole frames were aligned
    outer: float  # share of the outer picture that the inner one shows, in [0, 1]
    inner: float  # share of the inner picture that the outer one shows, in [0, 1]
    outer_framed: bool  # the rest of the outer picture is of one colour
    inner_framed: bool  # the rest of the inner picture is of one colour
    texture: float  # how much of the overlap has structure that can be compared, in [0, 1]
    agreeing: float  # share of that structure in windows that correlate above 0.6, in [0, 1]
    displaced: float  # three quarters of the overlap lie closer than this to the map, pixels
    nonrigid: float  # the same of the smooth part of the displacement, pixels
    moved: int  # cells of 8 pixels of the largest thing that moved
    swapped: float  # how far what differs has the same colours in both pictures, in [0, 1]; 0 if
    # little agrees
    blur: float  # sharpness of the less sharp picture, the spread of a point in pixels
    foreign: float  # share of the overlap that shows another thing, in [0, 1]
    overlay: float  # share of the overlap under a caption, a mark or a flat patch, in [0, 1]
    colours: Colours  # of the outer picture, and of the inner one
    exposure: float  # how strongly brightness was changed; above 1 more than people do to a photo


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """Where the inner picture shows what the outer one does not, in the frame of the outer one."""

    foreign: Array  # (H, W) bool: another thing stands there
    overlay: Array  # (H, W) bool: a caption, a mark or a flat patch lies there
    tone: tuple[Array, Array]  # ascending brightnesses of the outer picture, and the inner one's


def measure(alignment: Alignment) -> Overlap | None:
    """Measure the overlap; None where there is next to none."""
    outer, inner, matrix = alignment.outer, alignment.inner, alignment.matrix
    layers = alignment.layers
    shared = layers.mask > 0
    if shared.mean() < 0.02:
        return None
    alike = layers.correlate()
    patches = find_patches(layers, alike)
    area = float(shared.sum())
    clear = _find_clear(patches.overlay)
    structure = np.minimum(np.maximum(layers.std_a, layers.std_b) / 12, 1) * layers.mask * clear
    total = float(structure.sum())
    agreeing = float(structure[alike > 0.6].sum()) / max(total, 1e-6)
    moved, firm = layers.displacement(3)
    firm = firm & _in_cells(clear, firm)
    nonrigid = smooth_part(moved, firm)
    thing = find_moved(moved, firm, max(1.0, alignment.blur / 1.6))
    moved, firm = layers.displacement(9)
    lengths = np.hypot(moved[..., 0], moved[..., 1])[firm & _in_cells(clear, firm)]
    (share_outer, outer_framed), (share_inner, inner_framed) = (
        _covered(outer, layers.quad),
        _covered(inner, layers.frame),
    )
    colours = _compare_colours(outer, inner, layers, clear)
    return Overlap(
        matrix=matrix,
        inliers=alignment.inliers,
        outer=share_outer,
        inner=share_inner,
        outer_framed=outer_framed,
        inner_framed=inner_framed,
        texture=total / float(layers.mask.sum()),
        agreeing=agreeing,
        displaced=float(np.quantile(lengths, 0.75)) if len(lengths) >= 12 else 0.0,
        nonrigid=nonrigid,
        moved=thing,
        swapped=_measure_swap(outer, inner, layers) if agreeing > _AGREEING else 0.0,
        blur=alignment.blur,
        foreign=float(patches.foreign.sum()) / area,
        overlay=float(patches.overlay.sum()) / area,
        colours=colours,
        exposure=measure_exposure(layers, patches.tone),
    )


def _measure_swap(outer: Features, inner: Features, layers: Layers) -> float:
    """Return how far what differs has the same colours in both pictures, in [0, 1]."""
    shape = outer.half.shape[:2]
    ones = np.ones(inner.half.shape[:2], np.uint8)
    shared = layers.warp_small(ones, shape, outside=0, by=2)
    shared = cv2.erode(shared, np.ones((5, 5), np.uint8)) > 0
    return measure_swap(outer.half, layers.warp_small(inner.half, shape, by=2), shared)


def _find_clear(overlay: Array) -> Array:
    """Return where no window reaches an overlay, (H, W) bool."""
    if not overlay.any():
        return ~overlay
    return np.asarray(cv2.dilate(overlay.astype(np.uint8), np.ones((15, 15), np.uint8)) == 0)


def find_moved(moved: Array, firm: Array, slack: float) -> int:
    """Return the cells of the largest connected area that lies elsewhere, in one direction.

    Cells count by the length of their summed unit displacements: those of a thing that moved agree,
    those of blocks that an encoder left point anywhere.

    Args:
        moved: (rows, columns, 2) displacements, pixels.
        firm: (rows, columns) bool, cells with a displacement.
        slack: multiple of the least displacement, for pictures that are less sharp.

    Returns:
        From 0 to the number of cells; they are 8 pixels wide.
    """
    length = np.hypot(moved[..., 0], moved[..., 1])
    far = (length > _MOVED * slack) & firm
    count, labels = cv2.connectedComponents(far.astype(np.uint8), connectivity=4)
    units = [moved[far, axis] / length[far] for axis in (0, 1)]
    sums = [np.bincount(labels[far], unit, minlength=count) for unit in units]
    return int(np.hypot(*sums).max()) if count > 1 else 0


def _in_cells(clear: Array, firm: Array) -> Array:
    """Return which cells are clear for the most part, (rows, columns) bool as `firm`.

    Args:
        clear: (H, W) bool, pixels.
        firm: (rows, columns) bool, cells; only its shape is read.
    """
    rows, columns = firm.shape
    share = cv2.resize(clear.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(share > 0.5)


def _covered(picture: Features, quad: Array) -> tuple[float, bool]:
    """Return which share of a picture lies in `quad`, and whether the rest is of one colour.

    Args:
        picture: of the size (H, W).
        quad: (4, 2) float32 corners, pixels.
    """
    area, _ = cv2.intersectConvexConvex(quad, outline(picture.grey, np.eye(2, 3)))
    share = min(1.0, area / picture.grey.size)
    inside = cv2.dilate(fill(picture.grey, quad), np.ones((5, 5), np.uint8))
    rest = picture.grey[inside == 0].astype(np.int32)
    if len(rest) < 0.005 * picture.grey.size:
        return share, False
    return share, bool(np.mean(np.abs(rest - np.median(rest)) <= 3) > 0.9)


def find_patches(layers: Layers, alike: Array | None = None) -> Patches:
    """Find the pixels that neither correlate nor follow the tone curve of the rest of the overlap.

    In a patch under a caption, a mark or a flat colour, the brightness of one picture is one linear
    function of the other's; where another thing stands, it is not.

    Args:
        layers: the two pictures on each other.
        alike: (H, W) float32 of `layers.correlate()`; None to compute it.
    """
    alike = layers.correlate() if alike is None else alike
    shared = layers.mask > 0
    nowhere = np.zeros(shared.shape, bool)
    covered = _find_covered(layers)
    same = shared & (alike > 0.6) & ~covered
    if same.sum() < 64:
        return Patches(shared, nowhere, (np.empty(0), np.empty(0)))
    tone = find_tone(layers.a[same][::3], layers.b[same][::3])
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(
        (shared & ((alike < 0.4) | covered)).astype(np.uint8)
    )
    large = boxes[:, cv2.CC_STAT_AREA] >= 150
    large[0] = False  # everything that is not bad
    if not large.any():
        return Patches(nowhere, nowhere, tone)
    expected = np.interp(layers.a, *tone).astype(np.float32)
    error = np.abs(layers.b - expected)
    changed = shared & (error > max(16.0, 4 * float(np.median(error[same]))))
    large &= np.bincount(labels[changed], minlength=len(boxes)) >= 30
    patches = changed & large[labels]
    bars = _find_bars(patches, changed, layers)
    rest = patches & ~bars
    if _is_mark(expected[rest], layers.b[rest]) or is_addition(expected, layers.b, rest, shared):
        return Patches(nowhere, patches, tone)
    return Patches(patches & ~bars, patches & bars, tone)


def _find_covered(layers: Layers) -> Array:
    """Return where one picture is flat and the other one is not, (H, W) bool.

    Such windows do not correlate, but nothing in them contradicts either.
    """
    low, high = np.minimum(layers.std_a, layers.std_b), np.maximum(layers.std_a, layers.std_b)
    return np.asarray((high > _STRUCTURE) & (low < _COVERED * high))


def _find_bars(patches: Array, changed: Array, layers: Layers) -> Array:
    """Return where a bar along an edge of the overlap is what changed, (H, W) bool.

    In a bar one picture is largely of one colour, and a good part of it has changed.
    """
    bars = np.zeros(patches.shape, bool)
    inside = layers.mask > 0
    for axis in (0, 1):  # bars that lie, bars that stand
        lines = np.flatnonzero(inside.any(axis=1 - axis))
        counts = patches.sum(axis=1 - axis)[lines[0] : lines[-1] + 1]
        for flip in (1, -1):
            deep = np.cumsum(counts[::flip][: len(counts) // 4])
            if not len(deep) or deep[-1] < 30:
                continue
            depth = int(np.searchsorted(deep, 0.98 * deep[-1])) + 1
            first = lines[0] if flip == 1 else lines[-1] + 1 - depth
            strip = (
                np.s_[first : first + depth, :] if axis == 0 else np.s_[:, first : first + depth]
            )
            where = inside[strip]
            if changed[strip].sum() > 0.25 * where.sum() and any(
                np.mean(np.abs(p[strip][where] - np.median(p[strip][where])) <= 8) > 0.3
                for p in (layers.a, layers.b)
            ):
                bars[strip] = True
    return bars


def _is_mark(x: Array, y: Array) -> bool:
    """Whether what changed is a mark: all lighter or all darker, and towards one colour.

    Args:
        x: (N,) brightness expected from the one picture.
        y: (N,) brightness in the other.
    """
    if len(x) < 30:
        return True
    change = y - x
    lighter = float(np.mean(change > 0))
    full = np.abs(change) >= np.quantile(np.abs(change), 0.4)  # strokes rather than their edges
    x, y = x[full], y[full]
    return max(lighter, 1 - lighter) > 0.97 and max(_on_one_line(x, y), _on_one_line(y, x)) > 0.6


def _on_one_line(x: Array, y: Array) -> float:
    """Return the largest share of points within 12 of a line with a slope from 0 to 0.9.

    Args:
        x: (N,) float32 levels.
        y: (N,) float32 levels.
    """
    best = 0
    for slope in np.arange(0, 1, 0.1):
        counts = np.bincount(((y - slope * x + 256) / 8).astype(np.int32))
        best = max(best, int(np.convolve(counts, [1, 1, 1]).max()))
    return best / len(x)


def _compare_colours(outer: Features, inner: Features, layers: Layers, clear: Array) -> Colours:
    """Compare the colours of the outer and the inner picture where no overlay lies.

    Args:
        outer: the picture with the frame of `layers`.
        inner: the other picture.
        layers: both, aligned.
        clear: (H, W) bool, no window reaches an overlay.
    """
    a = cv2.blur(outer.colour, (3, 3))
    b = layers.warp_small(cv2.blur(inner.colour, (3, 3)), a.shape[:2])
    ones = np.ones(inner.colour.shape[:2], np.uint8)
    shared = cv2.erode(layers.warp_small(ones, a.shape[:2], outside=0), np.ones((3, 3), np.uint8))
    near = cv2.resize(clear.astype(np.uint8), a.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return compare_colours(a, b, (shared > 0) & (near > 0))
