"""What each place of two pictures' maps adds to the distance of their embeddings.

The pooling forgets places, so the distance between two embeddings can be written as a sum over the
places of both pictures, exactly. Owns that sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dedupe.explain.feature_maps import NORM_FLOOR, Head, Views, add_looks, pool
from dedupe.explain.grid import Floats, lay_on, square
from dedupe.siamese.towers import MIDDLE_WEIGHT


@dataclass(frozen=True, slots=True, eq=False)
class Contributions:
    """What every place of two pictures adds to the square of the distance of their embeddings.

    The sum of all of them is the square of the distance, exactly; a place may take away.
    """

    first: Floats  # (R, C), by the places of the first picture
    second: Floats  # (R, C), by those of the second

    @property
    def total(self) -> float:
        """The square of the distance, in [0, 4]."""
        return float(self.first.sum() + self.second.sum())


def contribute(head: Head, views: Views) -> Contributions:
    """Share the squared distance of two embeddings out over the places of both pictures.

    Exact, no first-order approximation, and the same seen from either picture. The embedding u is
    the direction of s, the sum of what the looks see, each a direction v / |v| times its weight;
    v = g W + o are coordinates, and g the pooled channels, g^3 = mean f^3 + e. Then

        |u_a - u_b|^2 = 2 / (|s_a| + |s_b|) (u_a - u_b) . (s_a - s_b)
        v_a / |v_a| - v_b / |v_b| = M (v_a - v_b), M symmetric, see `_turn_back`
        v_a - v_b = (g_a - g_b) W
        g_a - g_b = (g_a^3 - g_b^3) / (g_a^2 + g_a g_b + g_b^2)

    and g_a^3 - g_b^3 is a sum over places: each of A adds its f^3, each of B takes its own away.
    The weights of the channels are those of a gradient, as in Grad-CAM (Selvaraju et al. 2017), but
    taken along the whole way from one picture to the other. One picture's part alone says little:
    the two cancel wherever the pictures agree, so lay one on the other (`lay_on`) and add them.

    The shares of an enlarged middle are added at the places of the whole that it covers.

    Args:
        head: of the tower.
        views: the tower's, of two pictures.
    """
    sums = [add_looks(head, views, picture) for picture in (0, 1)]
    lengths = [max(float(np.linalg.norm(s)), NORM_FLOOR) for s in sums]
    apart = 2 / sum(lengths) * (sums[0] / lengths[0] - sums[1] / lengths[1])  # (D,)
    first, second = _share_look(head, views.maps, apart)
    if views.middle is not None:
        inner = np.asarray(views.middle.grid @ np.linalg.inv(square(views.grid)))
        for whole, part in zip(
            (first, second),
            _share_look(head, views.middle.maps, MIDDLE_WEIGHT * apart),
            strict=True,
        ):
            whole += lay_on(part, inner)[0]
    return Contributions(first, second)


def _share_look(head: Head, maps: Floats, apart: Floats) -> tuple[Floats, Floats]:
    """Share `apart` . (u_a - u_b), of the unit vectors u of one look, out over places (R, C)."""
    pooled = [pool(picture) for picture in maps]
    apart = _turn_back(apart, *(head.project(g) for g in pooled))
    secant = pooled[0] ** 2 + pooled[0] * pooled[1] + pooled[1] ** 2  # (K,)
    weights = head.kernel @ apart / secant / (maps.shape[1] * maps.shape[2])  # (K,)
    return maps[0] ** 3 @ weights, -(maps[1] ** 3 @ weights)


def _turn_back(apart: Floats, first: Floats, second: Floats) -> Floats:
    """Return M `apart`, where a / |a| - b / |b| = M (a - b), for two vectors (D,).

    M = (1 / |a| + 1 / |b|) / 2 - (a + b) (a + b)^T / (2 |a| |b| (|a| + |b|))
    """
    one, other = (max(float(np.linalg.norm(v)), NORM_FLOOR) for v in (first, second))
    both = first + second
    along = both * (both @ apart) / (one + other)
    return ((one + other) * apart - along) / (2 * one * other)
