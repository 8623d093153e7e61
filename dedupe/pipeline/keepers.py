"""Choose the keeper of each verified group and describe its duplicates.

Combines provenance, keep rules and verification, which do not import each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from dedupe.group.keep import CLOSEST, ORIGINAL, explain_choice, order_contents
from dedupe.group.recentre import Relations, recentre
from dedupe.group.refine import Judge, OpenJudge, RowPair
from dedupe.group.replacement import may_replace
from dedupe.ignored.pairs import IgnoredPairs
from dedupe.pipeline.stars import StarMemory
from dedupe.provenance.describe import (
    Relation,
    describe_choice,
    describe_duplicate,
    has_more_detail,
    shows_more,
)
from dedupe.provenance.evidence import WHOLE_FRAME
from dedupe.provenance.examiner import Examination, Examiner
from dedupe.threads import map_threads
from dedupe.types import (
    Contents,
    Duplicate,
    FrameMatrix,
    Group,
    Photo,
    Progress,
    Star,
    Verdict,
    no_progress,
)
from dedupe.verify.align import one_thread_each

_SAME_FRAME = 0.012  # largest difference of shape, and of a corner in shares of a side


@dataclass(frozen=True, slots=True)
class _Case:
    """A star on its way to a group."""

    star: Star
    verdicts: Mapping[int, Verdict]  # on (keeper, row), by row; of verified rows only
    examination: Examination
    ranks: Mapping[str, int]  # by digest, 0 for the original; empty if no rule asks for it


class Keepers:
    """Chooses the keepers of one scan."""

    def __init__(
        self,
        contents: Contents,
        rules: Sequence[str],
        *,
        threshold: float,
        ignored: IgnoredPairs | None,
        open_judge: OpenJudge | None,
        examiner: Examiner,
        memory: StarMemory | None = None,
    ) -> None:
        """Prepare to choose.

        Args:
            contents: U contents, their files in the order of the rules.
            rules: keep rules, the first one decides first.
            threshold: largest distance to a keeper, in [0, 2].
            ignored: pairs that are not duplicates; None for none.
            open_judge: returns what judges the pairs of rows of one star, given its verdicts;
                None to trust the distance.
            examiner: measures the evidence on groups.
            memory: the groups of the stars of the last scan; None for none.
        """
        self._contents = contents
        self._rules = rules
        self._threshold = threshold
        self._ignored = ignored
        self._open_judge = open_judge
        self._examiner = examiner
        self._memory = memory

    def form_groups(
        self,
        stars: Sequence[Star],
        verdicts: Mapping[RowPair, Verdict],
        *,
        on_progress: Progress = no_progress,
    ) -> list[Group]:
        """Return the groups of stars, each centred on the content most worth keeping.

        Args:
            verdicts: on the pairs (keeper, duplicate) that were verified.
            on_progress: called as ("keep", groups just finished, groups).

        Returns:
            Groups in the order of the stars.
        """
        groups: list[Group] = []
        names = [self._name(star, verdicts) for star in stars]
        known = {n: found for n in names if self._memory and (found := self._memory.find(n))}
        fresh = [star for star, name in zip(stars, names, strict=True) if name not in known]
        examine = partial(self._examine, verdicts=verdicts)
        cases = map_threads(examine, fresh, workers=self._examiner.workers)
        with one_thread_each(), closing(cases):  # no thread outlives this call
            for star, name in zip(stars, names, strict=True):
                found = known.get(name) or self._finish(star, next(cases))
                if self._memory:
                    self._memory.note(name, found)
                groups += found
                on_progress("keep", 1, len(stars))
        return groups

    def _name(self, star: Star, verdicts: Mapping[RowPair, Verdict]) -> str:
        """Name all that the groups of a star depend on; "" if none are remembered."""
        if self._memory is None:
            return ""
        return self._memory.name(star, self._contents, _of_star(star, verdicts), self._ignored)

    def _finish(self, star: Star, case: _Case) -> list[Group]:
        """Return the group of a star, and a group for each content left out that has copies."""
        chosen = self._spare_intact(self._spare_detail(self._recentre(case)))
        cases = [chosen]
        for row in sorted(star.rows - chosen.star.rows):
            cases.append(_Case(Star(row, ((row, 0.0),)), {}, case.examination, {}))
        return [group for case in cases if (group := self._describe(case))]

    def _spare_detail(self, case: _Case) -> _Case:
        """Leave out the contents that show more real detail than the keeper."""
        if ORIGINAL not in self._rules:
            return case
        keeper = self._contents.photos[case.star.keeper][0]

        def has_more(row: int) -> bool:
            other = self._contents.photos[row][0]
            evidence = case.examination.find_evidence(keeper, other)
            return has_more_detail(evidence, keeper, other)

        return _leave_out(case, has_more)

    def _spare_intact(self, case: _Case) -> _Case:
        """Leave out the contents beside which the picture of the keeper is broken."""
        keeper = self._contents.photos[case.star.keeper][0]

        def shows_a_break(row: int) -> bool:
            other, verdict = self._contents.photos[row][0], case.verdicts.get(row)
            whole = _is_whole_frame(keeper, other, verdict.matrix if verdict else None)
            return whole and case.examination.breaks_beside(keeper, other)

        return _leave_out(case, shows_a_break)

    def _examine(self, star: Star, verdicts: Mapping[RowPair, Verdict]) -> _Case:
        """Measure the evidence on a star."""
        digests, photos = self._contents.digests, self._contents.photos
        rows = [row for row, _ in star.duplicates if row != star.keeper]
        found = _of_star(star, verdicts)
        frames: dict[str, FrameMatrix] = {
            digests[row]: verdict.matrix
            for row, verdict in found.items()
            if verdict.matrix is not None
        }
        ordered = self._order([star.keeper, *rows])
        examination = self._examiner.open_group([photos[row][0] for row in ordered], frames)
        ranks = {}
        if ORIGINAL in self._rules and rows and not self._contents.protected[star.keeper]:
            places = enumerate(examination.rank())
            ranks = {digests[ordered[position]]: place for place, position in places}
        if not ranks or min(ranks, key=ranks.__getitem__) == digests[star.keeper]:
            for row in rows:
                examination.find_evidence(photos[star.keeper][0], photos[row][0])
        return _Case(star, found, examination, ranks)

    def _recentre(self, case: _Case) -> _Case:
        """Return the star round the best content that the group was verified against."""
        star = case.star
        if not case.ranks:
            return case
        known = {(star.keeper, row): verdict for row, verdict in case.verdicts.items()}
        judge = self._open_judge(known) if self._open_judge else None
        relate = partial(self._relate, case.examination, judge)
        centred = recentre(star, self._order(sorted(star.rows), case.ranks), relate)
        if centred is None:
            return case
        found = {row: verdict for row, (_, verdict) in centred.relations.items() if verdict}
        return _Case(centred.star, found, case.examination, case.ranks)

    def _relate(
        self, examination: Examination, judge: Judge | None, keeper: int, rows: Sequence[int]
    ) -> Relations:
        """Return the rows that the keeper may replace: near, verified, and with nothing more."""
        contents = self._contents
        mine = contents.photos[keeper][0]
        near: Relations = {}
        for row in rows:
            other = contents.photos[row][0]
            gap = contents.vectors[keeper].astype(np.float64) - contents.vectors[row]
            distance = round(float(np.sqrt(gap @ gap)), 6)
            is_ignored = self._ignored is not None and self._ignored.are_apart(
                contents.digests[keeper], contents.digests[row]
            )
            if (
                distance <= self._threshold
                and not is_ignored
                and not contents.protected[row]
                and may_replace(mine.facts, other.facts)
                and not shows_more(examination.find_evidence(mine, other), mine, other)
            ):
                near[row] = distance, None
        if judge is None or not near:
            return near
        verdicts = judge([(keeper, row) for row in near])
        return {
            row: (distance, verdict)
            for (row, (distance, _)), verdict in zip(near.items(), verdicts, strict=True)
            if verdict.is_copy
        }

    def _describe(self, case: _Case) -> Group | None:
        star, photos = case.star, self._contents.photos
        keeper = photos[star.keeper][0]
        duplicates: list[Duplicate] = []
        others = []
        for row, distance in star.duplicates:
            verdict, relation = case.verdicts.get(row), Relation("exact", "")
            signs: tuple[tuple[str, float], ...] = ()
            if row != star.keeper:
                other = photos[row][0]
                evidence = case.examination.find_evidence(keeper, other)
                words = verdict.how if verdict else ""
                relation = describe_duplicate(evidence, keeper, other, words)
                signs = case.examination.explain(keeper, other)
                others.append((other, evidence))
            matrix = verdict.matrix if verdict else None
            duplicates += [
                Duplicate(photo, distance, relation.kind, relation.how, matrix, evidence=signs)
                for photo in self._contents.free_files(row)
                if photo is not keeper
            ]
        if not duplicates:
            return None
        duplicates.sort(key=lambda duplicate: os.fsencode(duplicate.photo.path))
        protected = {keeper.path} if self._contents.protected[star.keeper] else set()
        files = [other for other, _ in others] or [d.photo for d in duplicates]
        reason = explain_choice(keeper, files, self._rules, protected, case.ranks)
        if reason in (ORIGINAL, CLOSEST) and case.ranks:
            rest = [rule for rule in self._rules if rule != ORIGINAL]
            fallback = explain_choice(keeper, files, rest, protected)
            reason = describe_choice(keeper, others, fallback)
        return Group(keeper, tuple(duplicates), reason)

    def _order(self, rows: Sequence[int], ranks: Mapping[str, int] | None = None) -> list[int]:
        order: list[int] = order_contents(
            self._contents, self._rules, np.array(rows, np.int64), ranks
        ).tolist()
        return order


def _of_star(star: Star, verdicts: Mapping[RowPair, Verdict]) -> dict[int, Verdict]:
    """Return the verdicts on (keeper, row) of a star, by row."""
    pairs = ((star.keeper, row) for row, _ in star.duplicates if row != star.keeper)
    return {row: verdicts[keeper, row] for keeper, row in pairs if (keeper, row) in verdicts}


def _leave_out(case: _Case, is_left_out: Callable[[int], bool]) -> _Case:
    """Return a case without some duplicates; the row of the keeper stays."""
    keeper, duplicates = case.star.keeper, case.star.duplicates
    rest = tuple(
        (row, distance) for row, distance in duplicates if row == keeper or not is_left_out(row)
    )
    return replace(case, star=Star(keeper, rest))


def _is_whole_frame(first: Photo, second: Photo, matrix: FrameMatrix | None) -> bool:
    """Return whether two photos show one frame: nothing is cropped, moved or turned."""
    shapes = first.width * second.height, second.width * first.height
    if abs(shapes[0] - shapes[1]) > _SAME_FRAME * max(shapes):
        return False
    return matrix is None or bool(np.allclose(matrix, WHOLE_FRAME, atol=_SAME_FRAME))
