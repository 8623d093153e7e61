"""What decides how a tower is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dedupe.errors import UsageError
from dedupe.siamese.heads import check_head
from dedupe.siamese.towers import Backbone, check_tower

LOSSES = ("binary", "contrastive", "nt_xent", "triplet")
VIEWS = ("edited", "turned")
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}  # Keras's name for each


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """Everything that decides how a tower is trained, beside the photos."""

    tower: str = "residual"
    side: int = 128  # pixels
    embedding: int = 128  # floats
    steps: int = 4000
    pairs: int = 256  # photos a step, two views each
    small_share: float = 0.6  # share of the steps taken at two thirds of the side, which is cheap
    learning_rate: float = 2e-3
    warmup: float = 0.05  # share of the steps
    weight_decay: float = 0.02
    temperature: float = 0.07
    spread_weight: float = 0.6
    hard_share: float = 0.5  # share of a step's photos that are look-alikes of its other photos
    held_out: float = 0.05  # share of the photos kept out of training, to calibrate on
    photo_side: int = 213  # pixels of the squashed photos that views are made from
    head: str = ""  # what judges pairs of embeddings; `binary` trains it, others fit it in the end
    loss: str = "nt_xent"
    margin: float | None = None  # of `contrastive` and `triplet`; None for the loss's own
    views: str = "edited"  # or `turned`: by 10 degrees and 10 % at most, as the seeds did
    imagenet: bool = False  # begin from ImageNet weights
    frozen: bool = False  # leave the backbone as it is
    ema: float = 0.0  # share of the averaged weights that a step keeps; 0 for the last weights
    precision: str = "float32"  # of what training computes; weights are float32 in any case
    seed: int = 0

    def side_at(self, step: int) -> int:
        """Edge of the views of a step, in pixels."""
        return self.side if step >= self.small_share * self.steps else self.side * 2 // 3

    @property
    def backbone(self) -> Backbone:
        """Which weights the tower's backbone begins from, if it has one."""
        return Backbone(self.imagenet, self.frozen)

    def check(self) -> None:
        """Make sure that the parts of the plan fit together.

        Raises:
            UsageError: a name is unknown, or one part cannot do with another.
        """
        check_tower(self.tower, side=self.side, backbone=self.backbone)
        if self.loss not in LOSSES:
            raise UsageError(f"no loss is called {self.loss!r}; choose one of {', '.join(LOSSES)}")
        if self.views not in VIEWS:
            raise UsageError(f"no views are called {self.views!r}; choose {' or '.join(VIEWS)}")
        if self.precision not in PRECISIONS:
            raise UsageError(
                f"no precision is called {self.precision!r}; choose {' or '.join(PRECISIONS)}"
            )
        if self.head:
            check_head(self.head)
        elif self.loss == "binary":
            raise UsageError("loss binary is that of a head's answers; choose one with --head")
        if self.small_share and not takes_any_size(self.tower):
            raise UsageError(f"tower {self.tower} takes one size only; give --small-share 0")


# What suits a tower where nobody says otherwise: fields of its plan. A tower without a line takes
# any size, so that it can see smaller views first.
_SEED = {"loss": "binary", "learning_rate": 1e-3, "small_share": 0.0}
RECIPES: dict[str, dict[str, Any]] = {
    "fovea": {"small_share": 0.0},
    "tiny": {**_SEED, "side": 128, "embedding": 75, "head": "spatial", "learning_rate": 1e-2},
    "tiny_elu": {**_SEED, "side": 128, "embedding": 75, "head": "spatial", "learning_rate": 1e-2},
    "tiny_pooled": {**_SEED, "side": 128, "embedding": 3, "head": "spatial", "learning_rate": 1e-2},
    "mobilenetv2": {**_SEED, "side": 96, "embedding": 101, "head": "l1"},
    "resnet50": {**_SEED, "side": 96, "embedding": 512, "head": "l1"},
    "signet": {**_SEED, "side": 96, "loss": "triplet"},
    "inceptionv3": {**_SEED, "side": 224, "embedding": 2048, "head": "euclidean"},
}


def plan_for(tower: str, **chosen: Any) -> TrainingPlan:
    """Return the plan of a tower: what was chosen, else its recipe, else the plan's own defaults.

    Args:
        tower: one of `towers.TOWERS`.
        chosen: fields of the plan; None leaves one to the recipe.
    """
    given = {name: value for name, value in chosen.items() if value is not None}
    return TrainingPlan(tower=tower, **{**RECIPES.get(tower, {}), **given})


def takes_any_size(tower: str) -> bool:
    """Whether a tower can see smaller views first."""
    return tower not in RECIPES
