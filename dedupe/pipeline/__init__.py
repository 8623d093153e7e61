"""A scan: the order of the stages, and the stages that another engine can call."""

from dedupe.pipeline.run import embed_images, find_duplicates, scan
from dedupe.pipeline.stages import GroupRules, find_pairs, group_pairs

__all__ = ["GroupRules", "embed_images", "find_duplicates", "find_pairs", "group_pairs", "scan"]
