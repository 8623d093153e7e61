"""The discrete cosine transform of JPEG blocks (ITU-T T.81, A.3.3)."""

from __future__ import annotations

import numpy as np

_K = np.arange(8)
DCT = np.where(
    _K[:, None] == 0, np.sqrt(1 / 8), 0.5 * np.cos((2 * _K + 1) * _K[:, None] * np.pi / 16)
).astype(np.float32)
"""(8, 8) orthonormal; a row for each frequency."""
