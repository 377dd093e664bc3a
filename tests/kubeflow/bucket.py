"""A pipeline root in a bucket, as Kubeflow's launcher reads and writes it, on an S3 server."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.kubeflow.pipeline_spec import SpecError

NAME = "mlpipeline"
# Scheme, bucket, path and query: what the backend takes for a pipeline root.
_ROOT = re.compile(r"([a-z][a-z0-9]+:///?)([^/?]+)(/[^?]*)?(\?.+)?")
_SCHEMES = ("gs://", "s3://", "minio://")


@contextmanager
def s3_server() -> Iterator[Any]:
    """A server with the bucket `NAME`; yields boto3's client of it."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # Or it prints each request.
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        client = boto3.client(
            "s3",
            endpoint_url=f"http://{host}:{port}",
            region_name="us-east-1",
            aws_access_key_id="minio",
            aws_secret_access_key="minio123",
        )
        client.create_bucket(Bucket=NAME)
        yield client
    finally:
        server.stop()


class Bucket:
    """The bucket of a pipeline root.

    Args:
      client: boto3's S3 client.
      root: the pipeline root, a URI.

    Attributes:
      root: without a query, which artifacts' URIs do not have.

    Raises:
      SpecError: the backend does not take such a root.
    """

    def __init__(self, client: Any, root: str) -> None:
        found = _ROOT.fullmatch(root)
        if found is None:
            raise SpecError(f"unrecognized pipeline root format: {root!r}")
        if found[1] not in _SCHEMES:
            raise SpecError(f"unsupported Cloud bucket: {root!r}")
        self._client = client
        self._start = f"{found[1]}{found[2]}/"
        self._name = found[2]
        self.root = (self._start + (found[3] or "").strip("/")).rstrip("/")

    def download(self, uri: str, path: Path) -> None:
        """Copies what lies below a URI, or the one file there, to a local path."""
        key = self._key(uri)
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._name, Prefix=key
        )
        for page in pages:
            for entry in page.get("Contents", ()):
                rest = entry["Key"].removeprefix(key)
                if rest and not rest.startswith("/"):
                    continue  # Of another artifact, whose name begins alike.
                target = path / rest.lstrip("/") if rest else path
                target.parent.mkdir(parents=True, exist_ok=True)
                self._client.download_file(self._name, entry["Key"], str(target))

    def upload(self, path: Path, uri: str) -> None:
        """Copies a file, or the files in a folder, to a URI; what is not there is passed over.

        A bucket knows no empty folders and no modes, and a link to a folder is no file.
        """
        if path.is_dir():
            for entry in sorted(path.iterdir()):
                if entry.is_symlink() and entry.is_dir():
                    raise SpecError(f"{entry}: a link to a folder, which cannot be uploaded")
                self.upload(entry, f"{uri}/{entry.name}")
        elif path.exists():
            self._client.upload_file(str(path), self._name, self._key(uri))

    def _key(self, uri: str) -> str:
        if not uri.startswith(self._start):
            raise SpecError(f"{uri}: outside the bucket of the pipeline root, {self._start}")
        return uri.removeprefix(self._start)


def local_path(folder: Path, uri: str) -> Path | None:
    """Where a container whose file system begins at `folder` has its copy of an artifact.

    None for a URI of which the launcher makes none.
    """
    for scheme, name in (("gs://", "gcs"), ("s3://", "s3"), ("minio://", "minio")):
        if uri.startswith(scheme):
            return folder / name / uri.removeprefix(scheme)
    return None
