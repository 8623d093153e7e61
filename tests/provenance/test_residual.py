from __future__ import annotations

import numpy as np
import pytest
from photo_files import draw_scene

from dedupe.provenance.residual import compare_colours, compare_detail, describe_residual
from dedupe.provenance.tone import LUMA, to_ycc

SCENE = np.asarray(draw_scene(width=512, height=384)).astype(np.float32)
CORNERS = [(x, y) for y in (16, 120, 240) for x in (16, 140, 260, 400)]
TILES = np.stack([SCENE[y : y + 32, x : x + 32] for x, y in CORNERS])  # (12, 32, 32, 3)
T = TILES @ LUMA
NOISE = np.random.default_rng(4).normal(0, 8, T.shape).astype(np.float32)


def test_white_noise_is_white_and_follows_no_structure() -> None:
    noise = describe_residual(NOISE, T, T + NOISE)
    detail = describe_residual(T - T.mean((1, 2), keepdims=True), T, T)
    assert abs(noise["whiteness"]) < 0.3 < -detail["whiteness"]
    assert abs(noise["structure"]) < 0.3 < detail["structure"]
    assert noise["excess_kurtosis"] == pytest.approx(np.log(3), abs=0.1)


def test_an_overshoot_at_edges_is_a_halo() -> None:
    strong = T.mean((1, 2), keepdims=True) + 1.5 * (T - T.mean((1, 2), keepdims=True))
    assert describe_residual(strong - T, T, strong)["halo"] > 0
    assert describe_residual(0 * T, T, T)["halo"] == 0


def test_block_edges_are_found_on_the_grid_alone() -> None:
    steps = np.repeat(np.random.default_rng(5).normal(128, 20, (12, 4, 4)), 8, 1).repeat(8, 2)
    assert describe_residual(0 * T, T, steps.astype(np.float32))["blockiness"] > 3
    assert abs(describe_residual(0 * T, T, NOISE)["blockiness"]) < 0.3


def test_colours_by_a_linear_map_leave_no_residual() -> None:
    p = to_ycc(TILES)
    swapped = to_ycc(TILES[..., ::-1])
    grey = np.concatenate([p[..., :1], 0 * p[..., 1:]], -1)
    assert compare_colours(p, swapped)["chroma"] < -1
    assert compare_colours(grey, p)["chroma"] > compare_colours(p, grey)["chroma"]
    assert compare_colours(p, grey)["chroma_energy"] == -2


def test_detail_is_compared_in_bands() -> None:
    same = compare_detail(T, T, 1.0)
    noisy = compare_detail(T, T + NOISE, 1.0)
    assert (same["band3"], same["nyquist"], same["larger"]) == (0, 0, 0)
    assert noisy["band3"] > 1
    assert noisy["flat_noise"] > same["flat_noise"]
    assert compare_detail(T, T, 0.5)["larger"] == 1
