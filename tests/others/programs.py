"""Other people's programs that tests need: built once, and kept in the user's cache folder.

    python -m tests.others.programs

builds what is not there yet, and ends with exit code 2 where a compiler is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tidegate.pipeline.datasets import default_folder

FOLDER = default_folder("programs")
# What the machine has to have, and how it gets it.
_NEEDED = {
    "go": "Go 1.26 or newer: apt-get install golang-go, or from go.dev",
    "node": "Node.js 18 or newer: apt-get install nodejs",
    "npm": "npm: apt-get install npm",
}


@dataclass(frozen=True)
class GoProgram:
    """A program that the Go module proxy has the source of.

    Attributes:
      package: its import path.
      version: with its v.
    """

    package: str
    version: str

    @property
    def path(self) -> Path:
        """Where it is kept, by version."""
        return FOLDER / self.version / self.package.rpartition("/")[2]

    def build(self) -> None:
        """Builds it where it is not there.

        Raises:
          CalledProcessError: Go could not; it has said why.
        """
        if self.path.exists():
            return
        print(f"building {self.package}@{self.version}, which takes minutes", flush=True)
        # Beside, then renamed: a build that is broken off leaves nothing that looks whole.
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        subprocess.run(
            ["go", "install", f"{self.package}@{self.version}"],
            env={**os.environ, "GOBIN": str(beside)},
            check=True,
        )
        (beside / self.path.name).replace(self.path)
        beside.rmdir()


# Beam's portable runner, of the version of the installed SDK.
PRISM = GoProgram(
    "github.com/apache/beam/sdks/v2/go/cmd/prism", f"v{metadata.version('apache-beam')}"
)
GRPCURL = GoProgram("github.com/fullstorydev/grpcurl/cmd/grpcurl", "v1.9.4")
# The compiler of .proto files that examples/clients/go takes, and its plugins.
BUF = GoProgram("github.com/bufbuild/buf/cmd/buf", "v1.75.0")
GO_MESSAGES = GoProgram("google.golang.org/protobuf/cmd/protoc-gen-go", "v1.36.12")
GO_SERVICES = GoProgram("google.golang.org/grpc/cmd/protoc-gen-go-grpc", "v1.6.2")
PROGRAMS = (PRISM, GRPCURL, BUF, GO_MESSAGES, GO_SERVICES)


def main() -> int:
    """Builds all; gives the exit code."""
    missing = [how for name, how in _NEEDED.items() if shutil.which(name) is None]
    for how in missing:
        print(f"make test-others: missing: {how}", file=sys.stderr)
    if missing:
        return 2
    for program in PROGRAMS:
        try:
            program.build()
        except subprocess.CalledProcessError:
            print(f"make test-others: {program.package} could not be built", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
