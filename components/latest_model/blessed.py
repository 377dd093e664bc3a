"""Which model a candidate is compared with: the latest blessed one that is not itself."""

from typing import Any

from tfx import types
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)


class LatestOtherBlessedModelStrategy(ResolverStrategy):
    """TFX's LatestBlessedModelStrategy without the candidate itself.

    Run twice, a pipeline would otherwise compare its cached model with itself, evaluate it again
    and push it again. Channels: `model`, `model_blessing`, and `candidate`, the model at hand.
    """

    def resolve_artifacts(
        self, store: Any, input_dict: dict[str, list[types.Artifact]]
    ) -> dict[str, list[types.Artifact]] | None:
        """Keeps at most one `model`, with its `model_blessing`."""
        own = {artifact.id for artifact in input_dict["candidate"]}
        others = {
            "model": [model for model in input_dict["model"] if model.id not in own],
            "model_blessing": list(input_dict["model_blessing"]),
        }
        found = LatestBlessedModelStrategy().resolve_artifacts(store, others)
        return {**(found or {}), "candidate": input_dict["candidate"]}
