"""The words and the JSON of what `dedupe explain` found of a pair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dedupe.explain.enclosure import Inside
    from dedupe.explain.explain import Explanation, Seen
    from dedupe.verify.judge import Decision
    from dedupe.verify.overlap import Overlap

_BAR = 10  # characters for a sign of 1
_WIDTH = 18  # characters for the name of a sign


def explanation_lines(found: Explanation, inside: Inside | None) -> list[str]:
    """Return the explanation line by line."""
    lines = [
        f"A  {_picture(found.first)}",
        f"B  {_picture(found.second)}",
        "",
        name_verdict(found),
        "",
        f"distance    {describe_distance(found)}",
        f"thresholds  {_thresholds(found)}",
        f"scan        {_inside(found, inside) if inside else _scan(found)}",
        f"decided by  {_level(found)}",
    ]
    overlap = found.comparison.overlap
    if overlap is None:
        return lines
    measured = _measured(found, overlap)
    lines += ["", "signs of a copy, 0 to 1; the weakest decides, a copy has 0.5 or more"]
    for name, value in found.signs.items():
        bar = "#" * round(_BAR * value)
        lines.append(f"  {name:{_WIDTH}}  {value:4.2f}  {bar:{_BAR}}  {measured[name]}")
    return lines


def _picture(seen: Seen) -> str:
    return f"{seen.path}  ({seen.width} x {seen.height} {seen.format})"


def name_verdict(found: Explanation) -> str:
    """Return the verdict on the pixels in one line."""
    if found.decision == "same bytes":
        return "copy: the same bytes"
    verdict, overlap = found.comparison.verdict, found.comparison.overlap
    if verdict.is_copy:
        return f"copy: {verdict.how or 'no visible change'}"
    if verdict.level == "details":
        return f"not a copy: {_differing(found)}"
    if overlap is None:
        return "not a copy: the two cannot be aligned"
    sign, value = _weakest(found)
    return f"not a copy: {_reason(sign, found, overlap)} ({sign} {value:.2f})"


def _differing(found: Explanation) -> str:
    """Return the details that reject a pair, and their place."""
    from dedupe.verify.patched import Patched
    from dedupe.verify.small import Residual

    details = found.comparison.details
    if isinstance(details, Patched):
        words = f"{details.pixels} pixels differ, nearly all others are equal"
    elif isinstance(details, Residual):
        words = "small pictures with other pixels or colours"
    elif details is not None and details.drawn:
        words = "pages with other print or drawing"
    else:
        words = "each shows details that the other does not"
    return words + _place(found)


def _place(found: Explanation) -> str:
    """Return the place that differs most, in pixels of A; "" without one."""
    x, y, width, height = found.box
    if not width:
        return ""
    wide, high = found.first.width, found.first.height
    return (
        f", most at {round(x * wide)}, {round(y * high)} in A"
        f" ({round(width * wide)} x {round(height * high)} pixels)"
    )


def _weakest(found: Explanation) -> tuple[str, float]:
    """Return the weakest sign; of equal signs, the one that explains unrelated images best."""
    signs = found.signs
    order = ["structure", "agreeing", "inliers", *signs]
    return min(signs.items(), key=lambda sign: (sign[1], order.index(sign[0])))


def _reason(sign: str, found: Explanation, overlap: Overlap) -> str:
    """Return the reason that a weak sign gives against a copy."""
    o = overlap
    first, second = found.shares
    reasons = {
        "covered": f"each shows more than the other, {first:.0%} of A lies in B "
        f"and {second:.0%} of B in A",
        "agreeing": f"after alignment only {o.agreeing:.0%} of the structure agrees",
        "in place": f"alignment residual of {o.displaced:.2f} px",
        "rigid": f"non-rigid difference of {o.nonrigid:.2f} px (another viewpoint)",
        "nothing moved": f"an object of {64 * o.moved} px moved",
        "nothing foreign": f"other objects on {o.foreign:.1%} of the overlap",
        "one exposure": "different exposures",
        "structure": "too little structure to compare",
        "inliers": f"only {_count(o.inliers)} agree" if o.inliers else "weak match",
        "colours": f"colours differ, correlation {o.colours.chroma_correlation:.2f}",
        "nothing recoloured": f"an object on {o.colours.recoloured:.1%} has another colour",
    }
    return reasons[sign].replace("%", " %")


def _measured(found: Explanation, overlap: Overlap) -> dict[str, str]:
    """Return the measurement behind each sign."""
    o = overlap
    first, second = found.shares
    framed = ", the rest is of one colour" if o.outer_framed or o.inner_framed else ""
    words = {
        "covered": f"{first:.0%} of A lies in B, {second:.0%} of B in A{framed}",
        "agreeing": f"{o.agreeing:.0%} of the common structure correlates",
        "in place": f"three quarters within {o.displaced:.2f} px of one map",
        "rigid": f"smooth residual of {o.nonrigid:.2f} px",
        "nothing moved": f"largest moved object {64 * o.moved} px",
        "nothing foreign": f"other objects on {o.foreign:.1%}, an overlay on {o.overlay:.1%}",
        "one exposure": f"change of light {o.exposure:.2f}; edits reach 1",
        "structure": f"{o.texture:.0%} of the overlap has enough structure",
        "inliers": f"{_count(o.inliers)} agree" if o.inliers else "whole frames aligned",
        "colours": f"correlation {o.colours.chroma_correlation:.2f}",
        "nothing recoloured": f"another colour on {o.colours.recoloured:.1%}",
    }
    return {name: text.replace("%", " %") for name, text in words.items()}


def _count(places: int) -> str:
    return f"{places} place{'' if places == 1 else 's'}"


def describe_distance(found: Explanation) -> str:
    """Return the distance, and the probability that the encoder alone gives the pair."""
    probability = min(max(found.probability, 0.01), 0.99)
    word = "below " if found.probability < 0.01 else "above " if found.probability > 0.99 else ""
    return (
        f"{found.distance:.4f} of 0 to 2, by itself a copy with probability {word}{probability:.2f}"
    )


def _thresholds(found: Explanation) -> str:
    """List the thresholds that the pair is within, and those that it is not within."""
    within: dict[bool, list[str]] = {True: [], False: []}
    for name, threshold in found.manifest.thresholds.items():
        within[found.distance <= threshold.distance].append(f"{name} {threshold.distance}")
    parts = [
        f"{word} {', '.join(within[holds])}"
        for holds, word in ((True, "within"), (False, "beyond"))
        if within[holds]
    ]
    return "; ".join(parts)


def _scan(found: Explanation) -> str:
    """Return the decision of a scan on the pair."""
    words: dict[Decision, str] = {
        "same bytes": "duplicates, the same bytes",
        "ignored": "not duplicates, an ignored pair",
        "same pixels": "duplicates, low-detail images with equal pixels",
        "low detail": "not duplicates, a low-detail image",
        "too far apart": "not duplicates, the distance is beyond the threshold",
        "verified": "duplicates, verified",
        "another shot": "not duplicates, rejected by verification",
    }
    line = f"({found.sensitivity}) {words[found.decision]}"
    if found.decision == "verified" and found.reach is not None:
        line += f"; without a sensitivity only among fewer than {found.reach:,} images"
    return line


def _inside(found: Explanation, inside: Inside) -> str:
    """Return the decision of a scan on a picture and one that shows it."""
    outer, inner = ("A", "B") if inside.first_is_outer else ("B", "A")
    words = inside.how.replace("shows it", f"shows {inner}")
    return f"({found.sensitivity}) duplicates, {outer} {words}"


def _level(found: Explanation) -> str:
    """Return the level of the cascade that decided, and the score."""
    verdict = found.comparison.verdict
    return f"{verdict.level or 'no level'}, score {verdict.score:.2f}"


def explanation_as_json(found: Explanation, inside: Inside | None) -> dict[str, Any]:
    """Return the explanation as values of JSON."""
    overlap, matrix = found.comparison.overlap, found.matrix
    verdict = found.comparison.verdict
    return {
        "pictures": [
            {name: getattr(seen, name) for name in ("path", "width", "height", "format", "digest")}
            for seen in (found.first, found.second)
        ],
        "is_copy": found.is_copy or inside is not None,
        "decision": "shown inside" if inside else found.decision,
        "inside": _inside_as_json(inside),
        "verdict": name_verdict(found),
        "distance": found.distance,
        "probability": found.probability,
        "sensitivity": found.sensitivity,
        "thresholds": {
            name: {"distance": t.distance, "within": found.distance <= t.distance}
            for name, t in found.manifest.thresholds.items()
        },
        "encoder": found.manifest.fingerprint,
        "verification": {
            "is_copy": verdict.is_copy,
            "score": verdict.score,
            "level": verdict.level,
            "how": verdict.how,
            "signs": found.signs,
            "shares": found.shares,
            "displaced": None if overlap is None else overlap.displaced,
            "nonrigid": None if overlap is None else overlap.nonrigid,
            "foreign": None if overlap is None else overlap.foreign,
            "overlay": None if overlap is None else overlap.overlay,
            "box": found.box if found.box[2] else None,
            "matrix": None if matrix is None else matrix.tolist(),
        },
    }


def _inside_as_json(inside: Inside | None) -> dict[str, Any] | None:
    if inside is None:
        return None
    outer = "A" if inside.first_is_outer else "B"
    return {"outer": outer, "how": inside.how, "matrix": inside.matrix}
