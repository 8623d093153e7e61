"""The values that travel between stages: they hold data, refuse to be built wrong, touch nothing.

Paths are `str`, as the operating system gave them: a name that is not valid UTF-8 carries its
bytes as surrogate escapes (`os.fsencode` restores them).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

Progress = Callable[[str, int, int], None]
"""Called as a stage advances: its name, the items just finished, and the items in all."""


def no_progress(_stage: str, _done: int, _total: int) -> None:
    """Ignore the progress."""


ActionKind = Literal["move", "trash", "hardlink", "symlink", "reflink", "delete"]
"""An action on a duplicate; a link leaves the keeper's bytes under its name."""

SidecarRule = Literal["with", "all", "stay", "ignore"]
"""`with`: edits and metadata go with their photo, a photo with a raw file or movie stays.
`all`: raw files and movies go as well. `stay`: a photo with any sidecar stays.
`ignore`: sidecars stay, and their photo goes."""

Kind = Literal["exact", "same", "edited"]
"""`exact`: the bytes of its keeper; `same`: the same picture in equal or lower quality;
`edited`: changed by a person or a program."""
KINDS: tuple[Kind, ...] = ("exact", "same", "edited")


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file that the walk found, as `stat` saw it."""

    path: str  # absolute, symlinks in folders above the root left as given
    root: int  # position of the root it was found under, in the order given
    size: int  # bytes
    mtime_ns: int  # nanoseconds since the epoch
    device: int  # st_dev
    inode: int  # st_ino
    links: int = field(default=1, compare=False)  # st_nlink; 1 in a report


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that could not be used, and why."""

    path: str
    reason: str  # a short phrase, the same for every file with the same trouble
    detail: str = ""  # what the library or the system said, one line


@dataclass(frozen=True, slots=True)
class Facts:
    """Properties of a content that its pixels in 8-bit RGB do not show."""

    frames: int = 1  # frames of an animation, pages of a document, pictures of an MPO or HEIF
    transparent: bool = False  # some pixel is not opaque
    bits: int = 8  # per channel, as stored
    colour: bool = True  # some pixel is not grey
    damage: str = ""  # short reason if a decoder warned or data are missing; "" if intact
    captured: bool = False  # EXIF has a capture date
    located: bool = False  # EXIF has a GPS position
    camera: bool = False  # EXIF has the maker of the camera
    movie: int = 0  # bytes of the movie that follows the picture (motion photo); 0 for none
    profile: bool = False  # has an ICC profile
    hdr: bool = False  # brighter than white: transfer curve PQ or HLG, or a gain map in its XMP
    stored: str = ""  # `palette` or `CMYK` if its pixels are stored so; "" for grey and RGB
    maps: int = 0  # depth, gain and other auxiliary pictures of a HEIF
    raw: bool = False  # values of a camera's sensor, not developed
    motion: str = ""  # of an animation, see `dedupe.motion`; "" for others
    pixels: str = ""  # digest of all frames in full size; "" unless low-detail or several frames


INTACT = Facts()
"""The facts of a plain 8-bit colour picture without metadata."""


def holds_more(first: Facts, second: Facts) -> tuple[str, ...]:
    """Return the names of everything that is lost if `second` stays and `first` goes."""
    lost = {
        "frames": first.frames > second.frames,
        "transparency": first.transparent and not second.transparent,
        "bits": first.bits > second.bits,
        "colour": first.colour and not second.colour,
        "HDR": first.hdr and not second.hdr,
        "capture date": first.captured and not second.captured,
        "GPS position": first.located and not second.located,
        "movie": first.movie > second.movie,
        "depth or gain map": first.maps > second.maps,
        "sensor data": first.raw and not second.raw,
    }
    return tuple(name for name, is_lost in lost.items() if is_lost)


@dataclass(frozen=True, slots=True)
class Photo:
    """A file that was read as a picture."""

    file: ImageFile
    width: int  # pixels, after EXIF orientation
    height: int  # pixels, after EXIF orientation
    format: str  # as Pillow names it: JPEG, PNG, WEBP ...
    digest: str  # hex content digest, see dedupe.files.digest
    facts: Facts = field(default=INTACT, compare=False)  # a report contains those with words

    @property
    def path(self) -> str:
        return self.file.path

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


@dataclass(frozen=True, slots=True, eq=False)
class Panels:
    """Rectangles of contents that look like pictures of their own, B in all."""

    rows: NDArray[np.int64]  # (B,) row of the content, ascending
    boxes: NDArray[np.float32]  # (B, 4) left, top, right, bottom in its frame, in [0, 1]
    vectors: NDArray[np.float32]  # (B, D) embeddings, each row of Euclidean norm 1

    def __post_init__(self) -> None:
        if not len(self.rows) == len(self.boxes) == len(self.vectors):
            raise ValueError("rows, boxes and vectors differ in length")

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """Pictures by their bytes: one row for each digest, in the order of its first path.

    Search, ignored pairs, verification and grouping share these rows.
    """

    digests: tuple[str, ...]  # (U,) hex content digests, each once
    vectors: NDArray[np.float32]  # (U, D), each row of Euclidean norm 1
    photos: tuple[tuple[Photo, ...], ...]  # (U,) the files of each content, at least one
    low_detail: NDArray[np.bool_]  # (U,) pictures too plain to compare by their vectors
    protected: NDArray[np.int64]  # (U,) how many of the files, the first ones, are never duplicates
    panels: Panels | None = None  # None for none

    def __post_init__(self) -> None:
        count = len(self.digests)
        if self.vectors.ndim != 2 or {len(self.vectors), len(self.photos)} != {count}:
            raise ValueError(
                f"{count} digests and {len(self.photos)} contents "
                f"do not fit vectors of shape {self.vectors.shape}"
            )
        if not (len(self.low_detail) == len(self.protected) == count):
            raise ValueError("low_detail and protected need a value for each content")

    def __len__(self) -> int:
        return len(self.digests)

    @property
    def files(self) -> int:
        """The number of files of all contents."""
        return sum(map(len, self.photos))

    def select(self, rows: NDArray[np.int64]) -> Contents:
        """Return the contents of (R,) rows, ascending, with their panels, numbered anew."""
        panels = self.panels
        if panels is not None:
            import numpy as np  # as in `Verdict.flip`

            kept = np.isin(panels.rows, rows)
            numbered = rows.searchsorted(panels.rows[kept])
            panels = Panels(numbered, panels.boxes[kept], panels.vectors[kept])
        return Contents(
            digests=tuple(self.digests[row] for row in rows.tolist()),
            vectors=self.vectors[rows],
            photos=tuple(self.photos[row] for row in rows.tolist()),
            low_detail=self.low_detail[rows],
            protected=self.protected[rows],
            panels=panels,
        )

    def free_files(self, row: int) -> tuple[Photo, ...]:
        """Return the files of a content that can be duplicates: those that are not protected."""
        return self.photos[row][int(self.protected[row]) :]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of contents that lie close, sorted by (left, right), each once with left < right."""

    left: NDArray[np.int64]  # (P,) row of the first content
    right: NDArray[np.int64]  # (P,) row of the second content
    distance: NDArray[np.float32]  # (P,) Euclidean, in [0, 2], 0 for identical

    def __post_init__(self) -> None:
        if not len(self.left) == len(self.right) == len(self.distance):
            raise ValueError("left, right and distance differ in length")
        if not bool((self.left < self.right).all()):
            raise ValueError("a pair must have left < right")

    def __len__(self) -> int:
        return len(self.left)

    def select(self, keep: NDArray[np.bool_]) -> Pairs:
        """Return the pairs that are marked in (P,) `keep`."""
        return Pairs(self.left[keep], self.right[keep], self.distance[keep])


@dataclass(frozen=True, slots=True)
class SearchStats:
    """How a search found its pairs, and its measured recall."""

    contents: int  # rows compared
    cells: int = 0  # cells of the inverted file; 0 if each row was compared with all others
    probes: int = 0  # cells that each row was compared with
    recall: float = 1.0  # share of a row's pairs that was found, on average over a sample of rows
    sampled: int = 0  # pairs that the sampled rows have in an exact search
    truncated: int = 0  # rows with more neighbours than are listed
    represented: int = 0  # rows of dense neighbourhoods that another row represents


@dataclass(frozen=True, slots=True)
class Star:
    """A keeper and the contents that repeat it."""

    keeper: int  # row of the content; its best file stays
    duplicates: tuple[tuple[int, float], ...]
    """(row, distance to the keeper), ascending by row; the keeper's own row, at distance 0, if it
    has further files."""

    @property
    def rows(self) -> set[int]:
        """Return the rows of all its contents, with the keeper's."""
        return {self.keeper, *(row for row, _ in self.duplicates)}


FrameMatrix = tuple[float, ...]
"""Nine numbers, the rows of a 3 x 3 projective matrix between frames: in each, x and y run from 0
at the left and upper edge to 1 at the right and lower edge."""


WITHOUT_FILES = frozenset({"composed", "thumbnails", "sketch"})
"""Levels of verification that decide a pair without reading its files."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of verifying a pair of contents, a first and a second."""

    is_copy: bool
    score: float  # in [0, 1]; a copy from 0.5 on
    how: str = ""  # the edits that lead from one to the other: "turned 90"
    level: str = ""  # the level of the cascade that decided, see `dedupe.verify.cascade.LEVELS`
    matrix: FrameMatrix | None = None  # from the second's frame to the first's; None: not aligned

    @property
    def is_cheap(self) -> bool:
        """Whether no file was read for it."""
        return self.level in WITHOUT_FILES

    def flip(self) -> Verdict:
        """Return the verdict on the same contents in the other order."""
        if self.matrix is None:
            return self
        import numpy as np  # takes a tenth of a second; `dedupe --help` needs none of it

        inverse = np.linalg.inv(np.reshape(self.matrix, (3, 3)))
        return replace(self, matrix=tuple((inverse / inverse[2, 2]).ravel().tolist()))


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A file that the report would take away, and how it relates to its keeper."""

    photo: Photo
    distance: float  # to the keeper, Euclidean, in [0, 2]
    kind: Kind
    how: str = ""  # what was done to the picture, if known: "turned 90"
    matrix: FrameMatrix | None = field(default=None, compare=False)  # its frame -> keeper's
    sidecars: tuple[str, ...] = ()  # names in its folder of files that belong to it, sorted
    evidence: tuple[tuple[str, float], ...] = field(default=(), compare=False)
    """Kinds of evidence and their log-odds that the duplicate was made from its keeper."""


@dataclass(frozen=True, slots=True)
class Group:
    """One picture: the file that stays and the files that repeat it."""

    keeper: Photo
    duplicates: tuple[Duplicate, ...]  # in path order, at least one
    reason: str  # the keep rule that decided
    number: int = field(default=0, compare=False)  # in its report, from 1; 0 outside of one

    @property
    def photos(self) -> tuple[Photo, ...]:
        """The keeper, then the duplicates. A decision names a file by its place here."""
        return (self.keeper, *(duplicate.photo for duplicate in self.duplicates))

    def __post_init__(self) -> None:
        if not self.duplicates:
            raise ValueError("a group needs at least one duplicate")
        if self.keeper.path in {d.photo.path for d in self.duplicates}:
            raise ValueError(f"the keeper {self.keeper.path!r} is also a duplicate")


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a scan saw and how long it took."""

    images: int  # files read as pictures; 0 in a report that does not contain it
    reused: int  # of those, how many came from the index
    seconds: float  # wall time of the whole scan
    empty_roots: tuple[str, ...] = ()  # absolute; roots without an image
    search: SearchStats | None = None  # None if the report was read from a file


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a scan: groups in the order of their keeper's path, and what was skipped."""

    groups: tuple[Group, ...]
    skipped: tuple[Skipped, ...]
    encoder: str  # fingerprint
    threshold: float  # largest distance to a keeper, in [0, 2]
    statistics: Statistics = field(compare=False)

    def __post_init__(self) -> None:
        keepers = [group.keeper.path for group in self.groups]
        taken = [d.photo.path for group in self.groups for d in group.duplicates]
        if len({*keepers, *taken}) != len(keepers) + len(taken):
            raise ValueError("a file stands in two groups")
        far = [d for g in self.groups for d in g.duplicates if d.distance > self.threshold]
        if far:
            raise ValueError(f"{far[0].photo.path!r} lies beyond the threshold of its keeper")

    @property
    def duplicates(self) -> tuple[Duplicate, ...]:
        """Every file that the report would take away, group by group."""
        return tuple(d for group in self.groups for d in group.duplicates)

    @property
    def bytes_freed(self) -> int:
        """Bytes on disk that only the duplicates hold: none for one with other hard links."""
        return sum(d.photo.file.size for d in self.duplicates if d.photo.file.links <= 1)

    def to_arrow(self) -> pa.Table:
        """Return the rows of the report as a table, see `dedupe.report.to_arrow`."""
        # Loaded by name, as `dedupe.scan` is: this module knows no format.
        table: pa.Table = importlib.import_module("dedupe.report.table").to_arrow(self)
        return table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the rows as a stream that polars, duckdb, pandas and pyarrow read as a table."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)
