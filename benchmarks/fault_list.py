"""The faults: what is done to a run of tidegate, from which state of its output folder."""

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.fault_runs import Ended, Running, Workshop, weights

EMPTY, COMPLETE = "empty", "complete"
_DAY = 86_400
# A component may be over before the signal comes: then its kill is tried again, so often at most.
_BEFORE_KILL, _TRIES = "before a kill", 5


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
      name: as the table shows it.
      inject: runs tidegate with the fault in the workshop; gives how that run ended. What the
        fault needs of the machine it takes back itself.
      state: name of the kept output folder that it starts from.
      settings: of the command given again.
    """

    name: str
    inject: Callable[[Workshop], Ended]
    state: str = COMPLETE
    settings: tuple[str, ...] = ()


class LeftOut(Exception):
    """The fault cannot be made on this machine; the message says why."""


def kill_during(component: str, seconds: float) -> Callable[[Workshop], Ended]:
    """kill -9 in the middle of a component.

    Args:
      component: its id.
      seconds: it takes when it is left alone.

    Raises:
      LeftOut: by what it gives: the signal never came while the run was alive.
    """

    def inject(shop: Workshop) -> Ended:
        shop.save(_BEFORE_KILL)
        for _ in range(_TRIES):
            ended = kill(shop)
            if ended.code == -signal.SIGKILL:
                return ended
            shop.restore(_BEFORE_KILL)
        raise LeftOut("the run was over before the signal came")

    def kill(shop: Workshop) -> Ended:
        begun = shop.at_work(component)
        run = shop.start()
        if component == "Pusher":
            run.until(shop.pushing)
        elif component == "LatestBlessedModel":
            # A resolver makes no folder; it begins where the Trainer ends.
            run.until(lambda: _said(run, "Trainer: "))
        else:
            run.until(begun)
            time.sleep(min(seconds / 2, 5) if seconds > 0.5 else 0)
        return run.kill()

    return inject


def _said(run: Running, text: str) -> bool:
    return any(text in line for line in run.lines)


def _in_trainer(act: Callable[[Running], Ended]) -> Callable[[Workshop], Ended]:
    """Does something to a run whose Trainer has begun, in a folder without that Trainer's work."""

    def inject(shop: Workshop) -> Ended:
        shutil.rmtree(shop.artifacts / "Trainer")
        shutil.rmtree(shop.serving)
        begun = shop.at_work("Trainer")
        run = shop.start()
        run.until(begun)
        time.sleep(1)
        return act(run)

    return inject


def _starve(run: Running) -> Ended:
    """Lets the process have no more memory than it has now."""
    most = psutil.Process(run.process.pid).memory_info().vms + (8 << 20)
    resource.prlimit(run.process.pid, resource.RLIMIT_AS, (most, most))
    return run.wait()


def _kill_server(shop: Workshop) -> Ended:
    """kill -9 of the process that serves the model for the ServingCheck, while it loads it."""
    shutil.rmtree(shop.artifacts / "ServingCheck")
    begun = shop.at_work("ServingCheck")
    run = shop.start()

    def server() -> psutil.Process | None:
        for child in run.children():
            with suppress(psutil.NoSuchProcess):  # It has ended meanwhile.
                if any("serving_check" in word for word in child.cmdline()):
                    return child
        return None

    # At once: a model that was loaded ahead has answered within a second.
    if run.until(begun) and run.until(server) and (child := server()) is not None:
        child.kill()
    return run.wait()


def _mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True)
    if done.returncode:
        raise LeftOut(f"mount: {done.stderr.strip()}")


@contextmanager
def _disk(folder: Path, size: str) -> Iterator[None]:
    """Makes a folder a small disk of its own; what is on it afterwards is kept in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size}", "tidegate-faults", str(folder))
    aside = folder.with_name(folder.name + "-aside")
    try:
        yield
        shutil.copytree(folder, aside, symlinks=True)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
    shutil.copytree(aside, folder, symlinks=True, dirs_exist_ok=True)
    shutil.rmtree(aside)


def _full_in_transform(shop: Workshop) -> Ended:
    shop.restore(EMPTY)
    with _disk(shop.output, "64m"):
        begun = shop.at_work("Transform")
        run = shop.start()
        run.until(begun)
        filler = shop.output / "filler"
        with filler.open("wb", buffering=0) as file:
            piece = bytes(1 << 16)
            try:
                while True:
                    file.write(piece)
            except OSError:  # Full; the last few bytes, too.
                pass
        ended = run.wait()
        filler.unlink()
    return ended


def _full_in_push(shop: Workshop) -> Ended:
    shutil.rmtree(shop.output / "serving")
    with _disk(shop.output / "serving", "64k"):
        return shop.run()


def _read_only_serving(shop: Workshop) -> Ended:
    shutil.rmtree(shop.serving)
    with _disk(shop.output / "serving", "1m"):
        _mount("-o", "remount,ro", str(shop.output / "serving"))
        return shop.run()


def _read_only(shop: Workshop) -> Ended:
    _mount("--bind", str(shop.output), str(shop.output))
    try:
        _mount("-o", "remount,bind,ro", str(shop.output))
        return shop.run()
    finally:
        subprocess.run(["umount", str(shop.output)], check=True)


def _damaged(path: Callable[[Workshop], Path], how: Callable[[Path], None]) -> Callable[..., Ended]:
    """Damages a file of a finished run and gives the same command."""

    def inject(shop: Workshop) -> Ended:
        how(path(shop))
        return shop.run()

    return inject


def _cut(path: Path) -> None:
    """Halves a file, or the largest one in a folder."""
    if path.is_dir():
        files = [one for one in path.rglob("*") if one.is_file()]
        path = max(files, key=lambda one: one.stat().st_size)
    os.truncate(path, path.stat().st_size // 2)


def _flip(path: Path) -> None:
    """Turns a byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def _garble(path: Path) -> None:
    """Overwrites a database's pages, but for the first."""
    content = bytearray(path.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    path.write_bytes(content)


def _two_at_once(shop: Workshop) -> Ended:
    """The second of two runs in one folder; the first must end well."""
    first = shop.start()
    first.until(lambda: _said(first, "[1/"))
    second = shop.run()
    ended = first.wait()
    if ended.code != 0:
        raise RuntimeError(f"the first of two runs ended with {ended.code}: {ended.said}")
    return second


def _one_serving_folder(shop: Workshop) -> Ended:
    """Two runs at once in two output folders, with one folder of models by a symbolic link."""
    other = shop.folder / "other"
    shutil.rmtree(other, ignore_errors=True)
    other.mkdir()
    shop.serving.parent.mkdir(parents=True)
    (other / "serving").symlink_to(shop.serving.parent)
    runs = [shop.start(), shop.start(output=other)]
    ended = [run.wait() for run in runs]
    return max(ended, key=lambda one: abs(one.code))


OTHER_MODEL = ("model.units=12", "gates.max_loss=1")


def _clock_back(shop: Workshop) -> Ended:
    """A first run by a clock that is a day ahead, then another model by the true one.

    The machine's clock stays as it is: all that the first run has dated is moved a day ahead.
    """
    first = shop.run()
    if first.code != 0:
        raise RuntimeError(f"the first run ended with {first.code}: {first.said}")
    (version,) = shop.versions()
    later = version.with_name(str(int(version.name) + _DAY))
    version.rename(later)
    with closing(sqlite3.connect(shop.output / "tfx" / "metadata.sqlite")) as store:
        for table in ("Artifact", "Execution", "Context"):
            for column in ("create_time_since_epoch", "last_update_time_since_epoch"):
                store.execute(f"UPDATE {table} SET {column} = {column} + {_DAY * 1000}")
        store.execute(
            "UPDATE ArtifactProperty SET string_value = replace(string_value, ?, ?)",
            [version.name, later.name],
        )
        store.commit()
    before = shop.versions()
    ended = shop.run(*OTHER_MODEL)
    after = shop.versions()
    changed = [gate for gate in shop.summary()["gates"] if "last blessed" in gate["expected"]]
    newer = after[:-1] == before and weights(after[-1]) != weights(before[-1])
    compared = any("no blessed" not in gate["expected"] for gate in changed)
    ended.lines.append(
        f"version {'grew' if newer else 'DID NOT GROW'}; "
        f"{'compared' if compared else 'NOT COMPARED'} with the first model"
    )
    return ended


def faults(shop: Workshop) -> list[Fault]:
    """All faults of a task, in the order of the table."""
    seconds: dict[str, float] = shop.reference["seconds"]
    components = [name for name in seconds if name not in ("imports", "total")]
    generator = next(name for name in components if name.endswith("ExampleGen"))
    chain = [EMPTY, *(f"killed in {name}" for name in components)]
    found = [
        Fault(f"kill -9 during {name}", kill_during(name, seconds[name]), state)
        for name, state in zip(components, chain, strict=False)
    ]

    def examples(shop: Workshop) -> Path:
        return shop.artifact(generator, "examples")

    def model(shop: Workshop) -> Path:
        return shop.artifact("Trainer", "model")

    def metadata(shop: Workshop) -> Path:
        return shop.output / "tfx" / "metadata.sqlite"

    return [
        *found,
        Fault("kill -9 of the serving check's process", _kill_server),
        Fault("Ctrl-C during Trainer", _in_trainer(lambda run: run.kill(signal.SIGINT))),
        Fault("SIGTERM during Trainer", _in_trainer(lambda run: run.kill(signal.SIGTERM))),
        Fault("no more memory during Trainer", _in_trainer(_starve)),
        Fault("disk full during Transform", _full_in_transform),
        Fault("disk full during the push", _full_in_push),
        Fault("output mounted read-only", _read_only),
        Fault("serving folder mounted read-only", _read_only_serving),
        Fault(
            "examples cut in half",
            _damaged(lambda shop: shop.artifact(generator, "examples"), _cut),
        ),
        Fault(
            "transform graph: a byte turned",
            _damaged(
                lambda shop: (
                    shop.artifact("Transform", "transform_graph") / "transform_fn/saved_model.pb"
                ),
                _flip,
            ),
        ),
        Fault("model cut in half", _damaged(model, _cut)),
        Fault("model deleted", _damaged(model, shutil.rmtree)),
        Fault(
            "evaluation cut in half",
            _damaged(lambda shop: shop.artifact("Evaluator", "evaluation"), _cut),
        ),
        Fault(
            "pushed version: a byte turned",
            _damaged(lambda shop: shop.versions()[-1] / "saved_model.pb", _flip),
        ),
        Fault("metadata.sqlite cut in half", _damaged(metadata, _cut)),
        Fault("metadata.sqlite overwritten", _damaged(metadata, _garble)),
        Fault("metadata.sqlite deleted", _damaged(metadata, Path.unlink)),
        Fault("two runs in one output folder", _two_at_once, EMPTY),
        Fault("two runs, one serving folder", _one_serving_folder, EMPTY),
        Fault("clock a day back", _clock_back, EMPTY, OTHER_MODEL),
    ]
