"""A scan on many machines with Ray: the stages of `pipeline`, the same report."""

from dedupe.distributed.scan import choose_engine, scan_with_ray

__all__ = ["choose_engine", "scan_with_ray"]
