"""Plans: a tower's own recipe, and parts that do not fit together."""

from __future__ import annotations

from typing import Any

import pytest

from dedupe.errors import UsageError
from dedupe.siamese.config import TrainingPlan, plan_for


def test_the_default_tower_has_the_default_plan() -> None:
    assert plan_for("residual") == TrainingPlan()


def test_what_is_chosen_comes_before_the_recipe_and_none_leaves_it() -> None:
    plan = plan_for("tiny", side=62, embedding=12, head=None, loss="contrastive", steps=7)
    assert (plan.tower, plan.side, plan.embedding, plan.steps) == ("tiny", 62, 12, 7)
    assert (plan.head, plan.loss, plan.small_share) == ("spatial", "contrastive", 0)


@pytest.mark.parametrize(
    ("tower", "chosen", "words"),
    [
        ("pisa", {}, "no tower is called 'pisa'"),
        ("tiny", {"head": "hydra"}, "no head is called 'hydra'"),
        ("tiny", {"loss": "hinge"}, "no loss is called 'hinge'; choose one of binary, contrastive"),
        ("residual", {"views": "upside"}, "no views are called 'upside'; choose edited or turned"),
        ("residual", {"loss": "binary"}, "loss binary is that of a head's answers; .* --head"),
        ("signet", {"small_share": 0.5}, "signet takes one size only; give --small-share 0"),
        ("fovea", {"small_share": 0.5}, "fovea takes one size only; give --small-share 0"),
        ("residual", {"precision": "int3"}, "no precision is called 'int3'; choose float32 or bf"),
        ("tiny", {"frozen": True}, "tiny has no backbone to fetch or freeze"),
    ],
)
def test_parts_that_do_not_fit_together_are_a_mistake_of_usage(
    tower: str, chosen: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        plan_for(tower, **chosen).check()
