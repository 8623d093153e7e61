"""The result of a scan, component by component, and its bytes in the index.

Does not know how a result is formed, nor what it depends on.
"""

from __future__ import annotations

import json
import os
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from dedupe.index.rows import format_facts, parse_facts
from dedupe.types import Duplicate, Group, ImageFile, Photo, SearchStats, Skipped

_LEVEL = 1  # of zlib: a fifth of the size, at the cost of a tenth of the time to format the groups


@dataclass(frozen=True, slots=True)
class ComponentResult:
    """The result of one component."""

    groups: Sequence[Group] = ()  # without numbers and sidecars
    stars: Sequence[str] = ()  # name of the star of each group, "" if another stage changed it
    damage: Mapping[str, str] = field(default_factory=dict)  # found beside other files, by digest


@dataclass(frozen=True, slots=True)
class Formed:
    """The result of a scan, without the files that could not be read."""

    components: Mapping[str, ComponentResult]  # by name
    listed: tuple[Skipped, ...]  # low-detail and damaged files
    threshold: float  # largest distance to a keeper, in [0, 2]
    search: SearchStats
    images: int  # files with a content

    @property
    def groups(self) -> list[Group]:
        """The groups of all components, in the order of their keepers' paths."""
        groups = (group for result in self.components.values() for group in result.groups)
        return sorted(groups, key=lambda group: os.fsencode(group.keeper.path))


class Stored:
    """A result as the index stores it. Components are parsed as they are needed."""

    def __init__(self, data: bytes, files: Sequence[ImageFile], *, program: str) -> None:
        """Read what `format_formed` returned.

        Args:
            data: the bytes.
            files: of the walk, with those of the components that are parsed.
            program: name of this code; a result of other code has no component.
        """
        self._value = json.loads(zlib.decompress(data))
        is_ours = self._value.get("program") == program
        self._components: dict[str, Any] = self._value["components"] if is_ours else {}
        self._files = {file.path: file for file in files}

    @cached_property
    def _stars(self) -> dict[str, list[list[Any]]]:
        """The groups of each star, by its name."""
        found: dict[str, list[list[Any]]] = defaultdict(list)
        for groups, stars, _ in self._components.values():
            for group, star in zip(groups, stars, strict=True):
                found[star].append(group)
        return found

    def find_star(self, name: str) -> list[Group]:
        """Return the groups of a star, by its name; none if it is not stored."""
        return [_parse_group(self._files, *group) for group in self._stars.get(name, ())]

    def parse(self) -> Formed:
        """Return the whole result."""
        value = self._value
        return Formed(
            self.find(self._components),
            tuple(Skipped(*skip) for skip in value["listed"]),
            value["threshold"],
            SearchStats(*value["search"]),
            value["images"],
        )

    def find(self, names: Iterable[str]) -> dict[str, ComponentResult]:
        """Return the components with some names; those that are not stored are left out."""
        stored = self._components
        return {name: self._parse(*stored[name]) for name in names if name in stored}

    def copy(self, name: str) -> list[Any] | None:
        """Return a component as it is stored; None if it is not."""
        found: list[Any] | None = self._components.get(name)
        return found

    def _parse(
        self, groups: list[list[Any]], stars: list[str], damage: dict[str, str]
    ) -> ComponentResult:
        found = [_parse_group(self._files, *group) for group in groups]
        return ComponentResult(found, stars, damage)


def format_formed(formed: Formed, last: Stored | None = None, *, program: str) -> bytes:
    """Return a result as bytes, with the name of this code; stored components are copied."""
    value = {
        "program": program,
        "components": {
            name: (last and last.copy(name)) or _format_component(result)
            for name, result in formed.components.items()
        },
        "listed": [[skip.path, skip.reason, skip.detail] for skip in formed.listed],
        "threshold": formed.threshold,
        "search": [getattr(formed.search, field.name) for field in fields(SearchStats)],
        "images": formed.images,
    }
    return zlib.compress(json.dumps(value).encode(), _LEVEL)


def _format_component(result: ComponentResult) -> list[Any]:
    groups = [_format_group(group) for group in result.groups]
    return [groups, list(result.stars), dict(result.damage)]


def _format_group(group: Group) -> list[Any]:
    duplicates = [
        [_format_photo(d.photo), float(d.distance), d.kind, d.how, d.matrix, d.evidence]
        for d in group.duplicates
    ]
    return [_format_photo(group.keeper), duplicates, group.reason]


def _parse_group(
    files: dict[str, ImageFile], keeper: list[Any], duplicates: list[list[Any]], reason: str
) -> Group:
    found = (
        Duplicate(
            _parse_photo(files, *photo),
            *(distance, kind, how, None if matrix is None else tuple(matrix)),
            evidence=tuple((name, value) for name, value in evidence),
        )
        for photo, distance, kind, how, matrix, evidence in duplicates
    )
    return Group(_parse_photo(files, *keeper), tuple(found), reason)


def _format_photo(photo: Photo) -> list[Any]:
    size = photo.width, photo.height
    return [photo.path, *size, photo.format, photo.digest, format_facts(photo.facts)]


def _parse_photo(
    files: dict[str, ImageFile],
    path: str,
    width: int,
    height: int,
    form: str,
    digest: str,
    facts: str,
) -> Photo:
    return Photo(files[path], width, height, form, digest, parse_facts(facts))
