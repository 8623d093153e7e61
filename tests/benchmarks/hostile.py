"""Scan a folder of files that claim much memory or time, and print the peak.

    python tests/benchmarks/hostile.py [WORKERS]

Prints the largest resident set of the scan in MB, its seconds, and each file with its reason.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

SCAN = """
import resource, sys, time
from dedupe import scan
began = time.perf_counter()
report = scan(sys.argv[1], index=None, workers=int(sys.argv[2]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"peak {peak:.0f} MB, {time.perf_counter() - began:.1f} s, {report.statistics.images} images")
for skipped in report.skipped:
    print(skipped.path.rpartition("/")[2], skipped.reason, skipped.detail, sep=": ")
"""


def png(width: int, height: int, colour: int, channels: int) -> bytes:
    """Return a PNG of one colour; its data shrink a thousandfold."""
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(1 + width * channels)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def plant(folder: Path) -> None:
    """Write the hostile files."""
    canvas = (15999).to_bytes(3, "little") * 2
    vp8x = b"VP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + canvas
    (folder / "claims.webp").write_bytes(b"RIFF" + struct.pack("<I", 26) + b"WEBP" + vp8x + b"VP8 ")
    for number in range(2):
        (folder / f"rgba {number}.png").write_bytes(png(16000, 16000, 6, 4))
        (folder / f"fits {number}.png").write_bytes(png(7000, 7000, 6, 4))
        (folder / f"grey {number}.png").write_bytes(png(20000, 13000, 0, 1))
    for name, head in (("zeros.jpg", b""), ("sparse.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0")):
        with (folder / name).open("wb") as file:
            file.write(head)
            file.truncate(8 << 30)
    (folder / "fill.jpg").write_bytes(b"\xff\xd8" + b"\xff" * 100_000_000)


def main() -> None:
    workers = sys.argv[1] if len(sys.argv) > 1 else "4"
    with tempfile.TemporaryDirectory() as folder:
        plant(Path(folder))
        subprocess.run([sys.executable, "-c", SCAN, folder, workers], check=True)


if __name__ == "__main__":
    main()
