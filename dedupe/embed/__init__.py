"""Files to contents: read, decode and embed the files that the index does not contain.

Worker threads read and decode. A worker that completes a batch of pictures embeds it, while the
others go on decoding. Identical bytes are embedded once; each batch is written to the index.
"""

from dedupe.embed.collapse import Embedded, Outcome, collapse
from dedupe.embed.files import CHANGED, embed_files, select_fitting

__all__ = ["CHANGED", "Embedded", "Outcome", "collapse", "embed_files", "select_fitting"]
