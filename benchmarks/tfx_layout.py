"""TFX's own IMDb example, laid out in a home folder as its code expects it.

Nothing of it is kept here: its files are read from the installed tfx package. Run as a module,
this is the driver of a laid-out example: as shipped, or with other Beam arguments.
"""

import argparse
import ast
import importlib.util
import re
import runpy
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import executions, measure
from benchmarks.workplace import environment

_PIPELINE = "imdb_pipeline_native_keras.py"
_MODULE = "imdb_utils_native_keras.py"
_DATA = "imdb_small_with_labels.txt"
_METADATA = Path("tfx", "metadata", "imdb_native_keras", "metadata.db")
_PUSHED = Path("imdb", "serving_model", "imdb_native_keras")
IN_MEMORY = ("--direct_running_mode=in_memory",)


@dataclass(frozen=True)
class Sizes:
    """What the example's code states of its work.

    Attributes:
      steps: training steps.
      eval_steps: validation steps.
      batch: rows of a training step.
      vocabulary: tokens kept.
      length: tokens of a text; shorter ones are padded to it.
      embedding: width of a token's embedding.
      units: of the LSTM, per direction.
      rate: learning rate.
    """

    steps: int
    eval_steps: int
    batch: int
    vocabulary: int
    length: int
    embedding: int
    units: int
    rate: float


@dataclass(frozen=True)
class ExampleRun:
    """A finished run of the example.

    Attributes:
      measured: what the process took.
      seconds: by component, from its ML Metadata.
    """

    measured: measure.Measured
    seconds: dict[str, float]


def _source() -> Path:
    # find_spec does not run the package, which would import TensorFlow.
    spec = importlib.util.find_spec("tfx")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place, "examples", "imdb")
        if (folder / _PIPELINE).is_file():
            return folder
    raise SystemExit("the installed tfx lacks its IMDb example; expected tfx 1.16.0")


def _number_of_steps(code: str, kind: str) -> int:
    """The literal in ``KIND(num_steps=...)``."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(kind):
            for keyword in node.keywords:
                if keyword.arg == "num_steps":
                    return int(ast.literal_eval(keyword.value))
    raise SystemExit(f"the installed tfx's {_PIPELINE} has no {kind}(num_steps=...)")


def read_sizes() -> Sizes:
    """Reads the example's constants from its code."""
    code = (_source() / _PIPELINE).read_text(encoding="utf-8")
    module = ast.parse((_source() / _MODULE).read_text(encoding="utf-8"))
    constants = {
        ast.unparse(node.targets[0]): ast.literal_eval(node.value)
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    return Sizes(
        steps=_number_of_steps(code, "TrainArgs"),
        eval_steps=_number_of_steps(code, "EvalArgs"),
        batch=constants["_TRAIN_BATCH_SIZE"],
        vocabulary=constants["_VOCAB_SIZE"],
        length=constants["_MAX_LEN"],
        embedding=constants["_EMBEDDING_UNITS"],
        units=constants["_LSTM_UNITS"],
        rate=constants["_LEARNING_RATE"],
    )


def _lay_out(home: Path, steps: int | None) -> None:
    """Copies the example to HOME/imdb, with other numbers of steps where that is asked for."""
    folder = home / "imdb"
    (folder / "data").mkdir(parents=True)
    shutil.copy(_source() / _MODULE, folder)
    shutil.copy(_source() / "data" / _DATA, folder / "data")
    code = (_source() / _PIPELINE).read_text(encoding="utf-8")
    if steps is not None:
        code = re.sub(r"num_steps=\d+", f"num_steps={steps}", code)
    (folder / _PIPELINE).write_text(code, encoding="utf-8")


def run(home: Path, beam: Sequence[str] | None = None, steps: int | None = None) -> ExampleRun:
    """Runs the example from process start to pushed model.

    Args:
      home: an empty folder, its home.
      beam: Beam arguments in place of its own; None runs its file as shipped.
      steps: training and validation steps in place of its own.

    Raises:
      ChildError: it failed, or pushed nothing.
    """
    _lay_out(home, steps)
    file = str(home / "imdb" / _PIPELINE)
    command = [sys.executable, file]
    if beam is not None:
        command = [sys.executable, "-m", "benchmarks.tfx_layout", file, *beam]
    measured = measure.run(command, env=environment(home))
    if not (home / _PUSHED).is_dir() or not any((home / _PUSHED).iterdir()):
        raise measure.ChildError("TFX's example ended without a pushed model")
    return ExampleRun(measured, executions.seconds(home / _METADATA))


def main() -> None:
    """Runs a laid-out example with other Beam arguments: as its own last lines do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="the laid-out pipeline")
    arguments, beam = parser.parse_known_args()
    shipped = runpy.run_path(arguments.file)
    pipeline = shipped["_create_pipeline"](
        pipeline_name=shipped["_pipeline_name"],
        pipeline_root=shipped["_pipeline_root"],
        data_root=shipped["_data_root"],
        module_file=shipped["_module_file"],
        serving_model_dir=shipped["_serving_model_dir"],
        metadata_path=shipped["_metadata_path"],
        beam_pipeline_args=beam,
    )
    shipped["BeamDagRunner"]().run(pipeline)


if __name__ == "__main__":
    main()
