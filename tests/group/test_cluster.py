"""Groups round a keeper: small graphs by hand, and promises that hold for every graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from builders import a_photo, some_contents
from hypothesis import given, settings
from hypothesis import strategies as st

from dedupe.group.cluster import MUCH_LARGER, cluster
from dedupe.types import Contents, Pairs, Star

Edge = tuple[str, str]
Grouped = dict[str, dict[str, float]]  # keeper -> its duplicates with their distances


@dataclass(frozen=True)
class Graph:
    """Files by name; those with the same first letter are one content."""

    files: Sequence[str]  # from most to least worth keeping
    near: Mapping[Edge, float]  # distances between contents
    protected: frozenset[str] = frozenset()
    pixels: Mapping[str, int] | None = None  # by content


def group(
    graph: Graph, arranged: Sequence[str] | None = None, *, involved: bool = False
) -> Grouped:
    """Cluster a graph; contents are in the order of `arranged`, by default of their worth."""
    names = list(dict.fromkeys(name[0] for name in arranged or graph.files))
    files = {name: [file for file in graph.files if file[0] == name] for name in names}
    for own in files.values():
        own.sort(key=lambda file: file not in graph.protected)
    contents = some_contents(
        [[a_photo(file, file[:1].encode()) for file in files[name]] for name in names],
        protected=[len(graph.protected.intersection(files[name])) for name in names],
    )
    pairs = pairs_of({(names.index(a), names.index(b)): d for (a, b), d in graph.near.items()})
    ends = {*pairs.left.tolist(), *pairs.right.tolist()}
    several = {row for row, name in enumerate(names) if len(files[name]) > 1}
    worth = [*graph.files]
    worth.sort(key=lambda file: file not in graph.protected)
    order = sorted(
        ends | several if involved else range(len(names)),
        key=lambda row: worth.index(files[names[row]][0]),
    )
    stars = cluster(
        pairs,
        contents,
        np.array(order, np.int64),
        pixels=None if graph.pixels is None else np.array([graph.pixels[n] for n in names]),
    )
    assert [star.keeper for star in stars] == sorted({star.keeper for star in stars})
    for star in stars:
        assert list(star.duplicates) == sorted(star.duplicates)
    return {
        files[names[star.keeper]][0]: {
            photo.path: d
            for row, d in star.duplicates
            for photo in contents.free_files(row)
            if photo.path != files[names[star.keeper]][0]
        }
        for star in stars
    }


def pairs_of(distances: Mapping[tuple[int, int], float]) -> Pairs:
    found = sorted((min(pair), max(pair), distance) for pair, distance in distances.items())
    left, right, distance = ([pair[i] for pair in found] for i in range(3))
    return Pairs(
        np.array(left, np.int64), np.array(right, np.int64), np.array(distance, np.float32)
    )


def near(*edges: str, distance: float = 0.25) -> dict[Edge, float]:
    return {(edge[0], edge[1]): distance for edge in edges}


def star(middle: str, others: Iterable[str], distance: float = 0.25) -> dict[Edge, float]:
    return {(middle, other): distance for other in others}


def test_nothing_gives_no_group() -> None:
    assert group(Graph([], {})) == {}
    assert group(Graph("abc", {})) == {}


def test_two_close_files_are_a_group_round_the_one_more_worth_keeping() -> None:
    assert group(Graph("ab", near("ab", distance=0.125))) == {"a": {"b": 0.125}}
    assert group(Graph("ba", near("ab", distance=0.125))) == {"b": {"a": 0.125}}


def test_a_distance_is_given_with_six_decimals() -> None:
    assert group(Graph("ab", near("ab", distance=0.123457))) == {"a": {"b": 0.123457}}


def test_exact_copies_are_a_group_though_no_pair_says_so() -> None:
    graph = Graph(["a2", "b1", "a1", "c1", "a3"], {})
    assert group(graph) == {"a2": {"a1": 0.0, "a3": 0.0}}


def test_exact_copies_go_where_their_content_goes() -> None:
    graph = Graph(["a1", "b1", "a2", "b2"], near("ab"))
    assert group(graph) == {"a1": {"a2": 0.0, "b1": 0.25, "b2": 0.25}}


def test_a_pair_at_distance_0_is_a_pair() -> None:
    assert group(Graph("ab", near("ab", distance=0))) == {"a": {"b": 0.0}}


def test_the_middle_of_a_chain_is_the_keeper_of_both_ends() -> None:
    assert group(Graph("abc", near("ab", "bc"))) == {"b": {"a": 0.25, "c": 0.25}}


def test_a_long_chain_becomes_several_groups() -> None:
    graph = Graph("abcde", near("ab", "bc", "cd", "de"))
    assert group(graph) == {"b": {"a": 0.25, "c": 0.25}, "d": {"e": 0.25}}


def test_the_middle_of_a_chain_with_few_pixels_does_not_take_a_large_end() -> None:
    graph = Graph("abc", near("ab", "bc"), pixels={"a": 201, "b": 100, "c": 100})
    assert group(graph) == {"a": {"b": 0.25}}


def test_the_middle_of_a_chain_with_half_the_pixels_is_the_keeper_of_both_ends() -> None:
    graph = Graph("abc", near("ab", "bc"), pixels={"a": 200, "b": 100, "c": 100})
    assert group(graph) == {"b": {"a": 0.25, "c": 0.25}}


def test_rules_choose_among_those_that_cover_nearly_all() -> None:
    clique = near("ab", "ac", "bc")
    for order in ("abc", "bca", "cab"):
        assert set(group(Graph(order, clique))) == {order[0]}


def test_a_framed_copy_with_slightly_more_pixels_does_not_become_the_keeper() -> None:
    copies = "cdefgh"
    graph = Graph(
        f"fo{'cdegh'}",  # f is the framed copy, o the original
        star("o", copies) | near("cd", "ce", "de"),
        pixels=dict.fromkeys("ocdegh", 100) | {"f": 110},
    )
    assert group(graph) == {"o": dict.fromkeys(copies, 0.25)}


def test_a_file_that_covers_many_others_elsewhere_does_not_become_the_keeper() -> None:
    of_middle, elsewhere = "bcdefghijkl", "nopqrstuv"
    graph = Graph(f"bm{of_middle[1:]}{elsewhere}", star("m", of_middle) | star("b", elsewhere))
    assert group(graph) == {"m": dict.fromkeys(of_middle, 0.25)}


def test_protected_files_are_never_duplicates() -> None:
    graph = Graph("abc", near("ab", "bc", "ac"), protected=frozenset("bc"))
    assert group(graph) == {"b": {"a": 0.25}}


def test_a_protected_file_comes_before_a_file_that_covers_more() -> None:
    graph = Graph("pabcd", near("pa") | star("a", "bcd"), protected=frozenset("p"))
    assert group(graph) == {"p": {"a": 0.25}}


def test_two_protected_files_of_one_content_both_stay() -> None:
    graph = Graph(["a1", "a2", "a3", "b1"], near("ab"), protected=frozenset({"a1", "a2"}))
    assert group(graph) == {"a1": {"a3": 0.0, "b1": 0.25}}


def test_protected_files_alone_are_no_group() -> None:
    graph = Graph(["a1", "a2", "b1"], near("ab"), protected=frozenset({"a1", "a2", "b1"}))
    assert group(graph) == {}


def test_a_file_much_larger_than_the_keeper_is_left_alone() -> None:
    sizes = {"a": 10, "b": 20, "c": 21}
    graph = Graph("abc", near("ab", "ac"), protected=frozenset("a"), pixels=sizes)
    assert group(graph) == {"a": {"b": 0.25}}


def test_a_large_file_that_a_smaller_keeper_left_has_a_group_of_its_own() -> None:
    graph = Graph(["p1", "a1", "a2"], near("pa"), frozenset({"p1"}), {"p": 10, "a": 30})
    assert group(graph) == {"a1": {"a2": 0.0}}


def test_a_middle_much_larger_than_the_keeper_that_the_rules_choose_stays() -> None:
    graph = Graph(["b1", "m1", "m2"], near("mb"), pixels={"m": 30, "b": 10})
    assert group(graph) == {"m1": {"m2": 0.0, "b1": 0.25}}


def test_thousands_of_equal_files_are_one_group() -> None:
    copies = some_contents([[a_photo(f"/{row:05}.jpg") for row in range(20_000)]])
    assert cluster(pairs_of({}), copies, np.array([0])) == [Star(0, ((0, 0.0),))]


def test_hundreds_of_files_that_are_all_close_are_one_group() -> None:
    rows = 500
    left, right = np.triu_indices(rows, 1)
    pairs = Pairs(left, right, np.full(len(left), 0.125, np.float32))
    (found,) = cluster(pairs, apart(rows), np.arange(rows))
    assert (found.keeper, len(found.duplicates)) == (0, rows - 1)


def apart(count: int) -> Contents:
    """Contents of one file each."""
    return some_contents([[a_photo(f"/{row}.jpg", b"%d" % row)] for row in range(count)])


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    contents = "abcdefgh"[: draw(st.integers(1, 8))]
    files = [f"{c}{i}" for c in contents for i in range(draw(st.integers(1, 3)))]
    edges = [(a, b) for a in contents for b in contents if a < b]
    chosen = draw(st.lists(st.sampled_from(edges), unique=True)) if edges else []
    return Graph(
        files=draw(st.permutations(files)),
        near={edge: draw(st.integers(0, 8)) / 8 for edge in chosen},
        protected=draw(st.frozensets(st.sampled_from(files), max_size=3)),
        pixels=draw(
            st.none() | st.fixed_dictionaries({c: st.sampled_from([1, 2, 5]) for c in contents})
        ),
    )


def reach(graph: Graph, keeper: str, other: str) -> float | None:
    """Return the distance at which `keeper` may take `other` away, None if it may not."""
    left, right = sorted((keeper[0], other[0]))
    distance = 0.0 if left == right else graph.near.get((left, right))
    if distance is None or other in graph.protected:
        return None
    sizes = graph.pixels or {}
    too_large = sizes.get(other[0], 1) > MUCH_LARGER * sizes.get(keeper[0], 1)
    return None if too_large else distance


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_every_duplicate_lies_close_to_its_keeper_and_stands_once(graph: Graph) -> None:
    found = group(graph)
    taken = [name for duplicates in found.values() for name in duplicates]
    assert len(taken) == len(set(taken))
    assert not set(taken) & (set(found) | graph.protected)
    for keeper, duplicates in found.items():
        assert duplicates == {name: reach(graph, keeper, name) for name in duplicates}


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_no_file_is_left_that_a_keeper_or_another_left_file_could_take(graph: Graph) -> None:
    found = group(graph)
    taken = {name for duplicates in found.values() for name in duplicates}
    stays = set(graph.files) - taken
    left = stays - set(found) - graph.protected
    for name in left:
        for other in stays - {name}:
            assert reach(graph, other, name) is None


@settings(max_examples=150, deadline=None)
@given(graphs(), st.data())
def test_the_order_of_the_rows_does_not_matter(graph: Graph, data: st.DataObject) -> None:
    arranged = data.draw(st.permutations(list(graph.files)))
    assert group(graph, arranged) == group(graph)


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_only_the_rows_that_are_involved_need_an_order(graph: Graph) -> None:
    assert group(graph, involved=True) == group(graph)


@pytest.mark.parametrize("seed", range(3))
def test_random_clouds_keep_the_promise_at_scale(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform(size=(400, 2))
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    left, right = np.nonzero(np.triu(distance < 0.06, 1))
    pairs = Pairs(left, right, distance[left, right].astype(np.float32))
    stars = cluster(pairs, apart(400), rng.permutation(400))
    rows = [row for found in stars for row in (found.keeper, *dict(found.duplicates))]
    assert len(rows) == len(set(rows)) > 200
    assert all(distance[s.keeper, row] < 0.06 for s in stars for row, _ in s.duplicates)


def test_a_file_worth_more_is_not_the_keeper_if_it_does_not_cover_all() -> None:
    """As a framed copy: it has more pixels than the original, and less in common with the rest."""
    others = [*"cdefghijklmnopq"]
    near_all = star("a", others[:-1]) | star("b", ["a", *others])
    assert group(Graph(["a", "b", *others], near_all)) == {"b": dict.fromkeys(["a", *others], 0.25)}


def test_the_keeper_can_be_the_content_that_lies_closest_to_all() -> None:
    pairs = pairs_of({(0, 1): 0.5, (0, 2): 0.5, (1, 2): 0.75})
    best, closest = (
        cluster(pairs, apart(3), np.array([1, 0, 2]), closest=closest) for closest in (False, True)
    )
    assert [star.keeper for star in best] == [1]
    assert closest == [Star(0, ((1, 0.5), (2, 0.5)))]


def test_the_closest_content_does_not_become_the_keeper_if_it_covers_less() -> None:
    pairs = pairs_of({(0, 1): 0.1, (0, 2): 0.1, (1, 2): 0.5, (1, 3): 0.5})
    [star] = cluster(pairs, apart(4), np.arange(4), closest=True)
    assert star == Star(1, ((0, 0.1), (2, 0.5), (3, 0.5)))


def test_of_contents_equally_close_to_all_the_best_by_the_rules_is_the_keeper() -> None:
    pairs = pairs_of({(0, 1): 0.5, (0, 2): 0.5, (1, 2): 0.5})
    [star] = cluster(pairs, apart(3), np.array([2, 0, 1]), closest=True)
    assert star.keeper == 2


def test_given_centres_become_keepers_first_in_their_order() -> None:
    pairs = pairs_of({(0, 1): 0.5, (0, 2): 0.5, (1, 3): 0.5, (2, 3): 0.5, (3, 4): 0.5})
    stars = cluster(pairs, apart(5), np.arange(5), centres=[1, 2])
    assert stars == [Star(1, ((0, 0.5), (3, 0.5)))]
    assert cluster(pairs, apart(5), np.arange(5), centres=[2, 1, 0]) == [
        Star(2, ((0, 0.5), (3, 0.5)))
    ]


def test_a_protected_file_comes_before_a_given_centre() -> None:
    contents = some_contents([[a_photo("/a", b"a")], [a_photo("/b", b"b")]], protected=[0, 1])
    [star] = cluster(pairs_of({(0, 1): 0.5}), contents, np.arange(2), centres=[0])
    assert star.keeper == 1
