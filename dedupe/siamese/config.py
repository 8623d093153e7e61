"""What decides how a tower is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dedupe.errors import UsageError
from dedupe.setting import option

if TYPE_CHECKING:
    from dedupe.siamese.towers import Backbone

LOSSES = ("binary", "contrastive", "nt_xent", "triplet")
VIEWS = ("edited", "turned")
TOWER_NAMES = (
    "residual",
    "fovea",
    "tiny",
    "tiny_elu",
    "tiny_pooled",
    "mobilenetv2",
    "resnet50",
    "signet",
    "inceptionv3",
)
HEAD_NAMES = ("l1", "euclidean", "cosine", "spatial")
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}  # Keras's name for each


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """Everything that decides how a tower is trained, beside the photos."""

    PANEL: ClassVar = "Training"

    tower: str = option(
        "residual",
        "Network of both images: residual, fovea, tiny, tiny_elu, tiny_pooled, mobilenetv2, "
        "resnet50, signet or inceptionv3. Default: that of --weights, else residual.",
        suggestions=TOWER_NAMES,
    )
    side: int = option(128, "Edge of the input, in pixels.", low=32)
    embedding: int = option(128, "Length of an embedding.", low=2)
    steps: int = option(4000, "Training steps.", low=1)
    minutes: float | None = option(
        None,
        "Length of the run; chooses steps, photos of a step and rate. Starts from the built-in "
        "encoder unless --tower or --weights is given.",
        low=0.1,
    )
    pairs: int = option(256, "Photos of one step, two views of each.", low=2)
    small_share: float = option(
        0.6, "Share of the steps on views of two thirds of the side.", low=0, high=1
    )
    learning_rate: float = option(2e-3, "Highest learning rate.", low=1e-6)
    warmup: float = 0.05  # share of the steps
    weight_decay: float = 0.02
    temperature: float = option(0.07, "Temperature of the loss nt_xent.", low=0.01)
    spread_weight: float = 0.6
    hard_share: float = 0.5  # share of a step's photos that are look-alikes of its other photos
    held_out: float = 0.05  # share of the photos kept out of training, to calibrate on
    photo_side: int = option(213, "Edge of photos in memory. Default: 5/3 of --side.", low=32)
    head: str = option(  # "": fitted last
        "", "Judge of pairs: l1, euclidean, cosine or spatial.", suggestions=HEAD_NAMES
    )
    loss: str = option("nt_xent", "binary, contrastive, triplet or nt_xent.", suggestions=LOSSES)
    margin: float | None = option(
        None, "Margin of contrastive (default 1) and triplet (default 0.2).", low=0
    )
    views: str = option(
        "edited", "edited, or turned: by 10 degrees and 10 % at most.", suggestions=VIEWS
    )
    imagenet: bool = False  # begin from ImageNet weights
    frozen: bool = option(False, "Train the layers above the backbone only.")
    ema: float = 0.0  # share of the averaged weights that a step keeps; 0 for the last weights
    precision: str = option(
        "float32",
        "float32, or bfloat16 if the hardware computes it.",
        suggestions=tuple(PRECISIONS),
    )
    seed: int = option(0, "Seed of every random choice.")

    def side_at(self, step: int) -> int:
        """Edge of the views of a step, in pixels."""
        return self.side if step >= self.small_share * self.steps else self.side * 2 // 3

    @property
    def backbone(self) -> Backbone:
        """Which weights the tower's backbone begins from, if it has one."""
        from dedupe.siamese.towers import Backbone  # loads Keras

        return Backbone(self.imagenet, self.frozen)

    def check(self) -> None:
        """Make sure that the parts of the plan fit together.

        Raises:
            UsageError: a name is unknown, or one part cannot do with another.
        """
        from dedupe.siamese.heads import check_head  # load Keras
        from dedupe.siamese.towers import check_tower

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


# The default fields of the plan of each tower. A tower without a line takes any size, so that it
# can train on smaller views first.
_SEED = {"loss": "binary", "learning_rate": 1e-3, "small_share": 0.0}
# A backbone learns from every other photo of a batch; from one pair of each it hardly learns.
_BACKBONE = {"loss": "nt_xent", "learning_rate": 2e-3, "small_share": 0.0, "pairs": 32}
RECIPES: dict[str, dict[str, Any]] = {
    "fovea": {"small_share": 0.0},
    "tiny": {**_SEED, "side": 128, "embedding": 75, "head": "spatial", "learning_rate": 1e-2},
    "tiny_elu": {**_SEED, "side": 128, "embedding": 75, "head": "spatial", "learning_rate": 1e-2},
    "tiny_pooled": {**_SEED, "side": 128, "embedding": 3, "head": "spatial", "learning_rate": 1e-2},
    "mobilenetv2": {**_BACKBONE, "side": 96, "embedding": 101, "head": "l1"},
    "resnet50": {**_BACKBONE, "side": 96, "embedding": 512, "head": "l1"},
    "signet": {**_SEED, "side": 96, "loss": "triplet"},
    "inceptionv3": {**_BACKBONE, "side": 224, "embedding": 2048, "head": "euclidean"},
}


def plan_for(tower: str, **chosen: Any) -> TrainingPlan:
    """Return the plan of a tower: what was chosen, else its recipe, else the plan's own defaults.

    Photos are 5/3 of the side in memory, and 160 pixels at least, unless chosen.

    Args:
        tower: one of `towers.TOWERS`.
        chosen: fields of the plan; None leaves one to the recipe.
    """
    given = {name: value for name, value in chosen.items() if value is not None}
    fields = {**RECIPES.get(tower, {}), **given}
    side = fields.get("side", TrainingPlan(tower).side)
    return TrainingPlan(tower=tower, **{"photo_side": max(160, side * 5 // 3), **fields})


def takes_any_size(tower: str) -> bool:
    """Whether a tower can train on smaller views first."""
    return tower not in RECIPES
