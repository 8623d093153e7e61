"""The facts of a file as words of the report, and back.

`alpha; 16 bits; ICC profile` says what the pixels in 8-bit RGB do not show. A plain 8-bit colour
picture without metadata has no words. Unknown words are ignored when reading: a later version may
add some.
"""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from typing import Any

from dedupe.types import INTACT, Facts

_FLAGS = {  # word: attribute and its value
    "grey": ("colour", False),
    "palette": ("stored", "palette"),
    "CMYK": ("stored", "CMYK"),
    "alpha": ("transparent", True),
    "HDR": ("hdr", True),
    "ICC profile": ("profile", True),
    "sensor data": ("raw", True),
    "camera": ("camera", True),
    "capture date": ("captured", True),
    "GPS position": ("located", True),
}
_COUNTS = {  # attribute: word behind its number
    "bits": "bits",
    "frames": "frames",
    "maps": "depth or gain maps",
    "movie": "bytes of movie",
}
_COUNT = re.compile(r"(\d{1,18}) (.+)")
_BETWEEN, _DAMAGED = "; ", "damaged: "


@functools.lru_cache(maxsize=1024)  # nearly all photos have the same few facts
def facts_to_words(facts: Facts) -> str:
    """Return what differs from a plain 8-bit colour picture; "" for nothing."""
    words = [word for word, (name, value) in _FLAGS.items() if getattr(facts, name) == value]
    for name, word in _COUNTS.items():
        count: int = getattr(facts, name)
        if count != getattr(INTACT, name):
            words.append(f"{count} {word}")
    if facts.damage:
        words.append(_DAMAGED + facts.damage)  # last: the reason may contain any character
    return _BETWEEN.join(words)


@functools.lru_cache(maxsize=1024)
def words_to_facts(text: str) -> Facts:
    """Return the facts that words name; `motion` and `pixels` are not among them."""
    words, _, damage = f"{_BETWEEN}{text}".partition(_BETWEEN + _DAMAGED)
    found: dict[str, Any] = {"damage": damage}
    names = {word: name for name, word in _COUNTS.items()}
    for word in words.split(_BETWEEN):
        counted = _COUNT.fullmatch(word)
        if word in _FLAGS:
            name, value = _FLAGS[word]
            found[name] = value
        elif counted and counted[2] in names:
            found[names[counted[2]]] = int(counted[1])
    return replace(INTACT, **found)
