"""imdb from a server and from each local form; damaged copies; and imdb-small."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from tidegate.data import registry
from tidegate.data.dataset import Archive, Dataset, DatasetError
from tidegate.data.preparation import prepare_dataset
from tidegate.data.sets.imdb import DATASET

# Split, label, text: quotes, commas, tags and other scripts, as reviews hold them.
REVIEWS = [
    ("train", "neg", 'A "bad" film, truly.<br /><br />Avoid it.'),
    ("train", "neg", "Dull."),
    ("train", "pos", "Amélie is a joy, and so is 千と千尋の神隠し."),
    ("train", "pos", "Loved it!"),
    ("train", "pos", "Loved it!"),
    ("test", "neg", "Worse than the book, the trailer and the queue."),
    ("test", "pos", "Ten out of ten"),
]
ROWS = {"train": 5, "test": 2}


def review_files() -> dict[str, bytes]:
    """The files of the data set by their names in the archive, unlabelled ones included."""
    files = {
        "aclImdb/imdb.vocab": b"the\nand\n",
        "aclImdb/train/urls_neg.txt": b"http://www.imdb.com/title/tt0064354/usercomments\n",
        "aclImdb/train/unsup/0_0.txt": b"A review without a label.",
    }
    for index, (split, label, text) in enumerate(REVIEWS):
        stars = 9 if label == "pos" else 2
        files[f"aclImdb/{split}/{label}/{index}_{stars}.txt"] = text.encode()
    return files


def archive_of(files: dict[str, bytes]) -> bytes:
    """A tar.gz that holds the files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture
def acl_files() -> dict[str, bytes]:
    return review_files()


@pytest.fixture
def acl_archive(tmp_path: Path, acl_files: dict[str, bytes]) -> Path:
    path = tmp_path / "copy" / "aclImdb_v1.tar.gz"
    path.parent.mkdir()
    path.write_bytes(archive_of(acl_files))
    return path


@pytest.fixture
def small() -> Dataset:
    """The data set, with the small copy's rows."""
    return replace(DATASET, rows=ROWS)


@pytest.fixture
def served(small, server, acl_files) -> Dataset:
    """The data set, with its archive on the local server."""
    server.content = archive_of(acl_files)
    checksum = f"sha256:{hashlib.sha256(server.content).hexdigest()}"
    return replace(small, archive=Archive(server.url, "aclImdb_v1.tar.gz", checksum))


def rows_of(path: Path) -> list[tuple[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return sorted((row["label"], row["text"]) for row in csv.DictReader(file))


def expected(split: str) -> list[tuple[str, str]]:
    return sorted((label, text) for where, label, text in REVIEWS if where == split)


def unpack(files: dict[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def write_tables(folder: Path, suffix: str, labels: dict[str, str]) -> Path:
    folder.mkdir()
    opened = gzip.open if suffix.endswith(".gz") else open
    for split in ROWS:
        with opened(folder / f"{split}{suffix}", "wt", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["label", "text"])
            writer.writerows(
                [labels[label], text] for where, label, text in REVIEWS if where == split
            )
    return folder


def form(name: str, tmp_path: Path, archive: Path, files: dict[str, bytes]) -> Path:
    numbers, names = {"neg": "0", "pos": "1"}, {"neg": "neg", "pos": "pos"}
    if name == "archive":
        return archive
    if name == "plain tar":
        (tmp_path / "aclImdb.tar").write_bytes(gzip.decompress(archive.read_bytes()))
        return tmp_path / "aclImdb.tar"
    if name == "folder":
        return unpack(files, tmp_path / "tree") / "aclImdb"
    if name == "folder above":
        return unpack(files, tmp_path / "tree")
    if name == "tables":
        return write_tables(tmp_path / "tables", ".csv", names)
    zipped = write_tables(tmp_path / "tables", ".csv.gz", numbers)
    return zipped / "train.csv.gz" if name == "one of two zipped tables" else zipped


FORMS = ["archive", "plain tar", "folder", "folder above", "tables", "zipped tables"]
FORMS.append("one of two zipped tables")


@pytest.mark.parametrize("name", FORMS)
def test_each_local_form_gives_the_same_files(name, small, tmp_path, acl_archive, acl_files):
    source = form(name, tmp_path, acl_archive, acl_files)
    prepared = prepare_dataset(small, tmp_path / "out", source)
    assert prepared.test is not None
    assert rows_of(prepared.train) == expected("train")
    assert rows_of(prepared.test) == expected("test")
    reference = prepare_dataset(small, tmp_path / "reference", acl_archive)
    assert prepared.train.read_bytes() == reference.train.read_bytes()
    assert source.exists()


def test_download(served, server, tmp_path):
    prepared = prepare_dataset(served, tmp_path)
    assert rows_of(prepared.train) == expected("train")
    names = sorted(path.name for path in tmp_path.iterdir() if path.is_file())
    assert names == [".imdb.json", "test.csv", "train.csv"]
    assert prepare_dataset(served, tmp_path).reused
    assert len(server.asked) == 1


def test_interrupted_download_is_continued_by_the_next_call(served, server, tmp_path):
    out = tmp_path / "out"
    # The connection is lost after 200 bytes; a refusal then ends the call, without more tries.
    server.cuts, server.statuses = [200], [0, 404]
    with pytest.raises(DatasetError, match="404"):
        prepare_dataset(served, out)
    assert [path.name for path in out.iterdir()] == [".imdb-aclImdb_v1.tar.gz.part"]
    prepared = prepare_dataset(served, out)
    assert rows_of(prepared.train) == expected("train")
    assert server.asked == [None, "bytes=200-", "bytes=200-"]
    assert sorted(path.name for path in out.iterdir()) == [".imdb.json", "test.csv", "train.csv"]


def test_download_of_another_file_leaves_nothing(served, server, tmp_path):
    server.content = b"<html>moved</html>"
    with pytest.raises(DatasetError, match="expected sha256:"):
        prepare_dataset(served, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_users_own_archive_in_the_folder_is_left_alone(served, tmp_path, acl_archive):
    prepare_dataset(served, acl_archive.parent)
    assert acl_archive.exists()


def bad_archive(kind: str, files: dict[str, bytes]) -> bytes:
    if kind == "traversal":
        return archive_of({"../../etc/cron.d/x.txt": b"x", **files})
    if kind == "absolute":
        return archive_of({"/etc/passwd": b"x", **files})
    if kind == "no test/pos":
        return archive_of({k: v for k, v in files.items() if "test/pos" not in k})
    if kind == "truncated":
        whole = archive_of(files)
        return whole[: len(whole) // 2]
    if kind == "flipped":
        whole = bytearray(archive_of(files))
        whole[len(whole) // 2] ^= 0xFF
        return bytes(whole)
    if kind == "not utf-8":
        return archive_of({"aclImdb/train/neg/99_1.txt": b"caf\xe9", **files})
    if kind == "one too many":
        return archive_of({"aclImdb/train/neg/99_1.txt": b"cafe", **files})
    if kind == "huge":
        return archive_of({"aclImdb/train/neg/99_1.txt": b" " * 2_000_000, **files})
    if kind == "link":
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as archive:
            link = tarfile.TarInfo("aclImdb/train/neg/99_1.txt")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)
        return out.getvalue()
    return b"this is no archive"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("traversal", r"unsafe name '\.\./\.\./etc/cron\.d/x\.txt'"),
        ("absolute", r"unsafe name '/etc/passwd'"),
        ("no test/pos", r"no reviews of test/pos"),
        ("truncated", r"is damaged .*get it again"),
        ("flipped", r"is damaged .*get it again"),
        ("not utf-8", r"train/neg/99_1\.txt is not UTF-8"),
        ("one too many", r"received 6 train rows, 2 test rows; expected 5 train rows"),
        ("huge", r"train/neg/99_1\.txt in .* is no review"),
        ("link", r"train/neg/99_1\.txt in .* is no review"),
        ("no archive", r"is damaged .*expected a whole tar archive"),
    ],
)
def test_bad_archive_is_one_clear_line(kind, message, small, tmp_path, acl_files):
    path = tmp_path / "aclImdb_v1.tar.gz"
    path.write_bytes(bad_archive(kind, acl_files))
    with pytest.raises(DatasetError, match=message) as caught:
        prepare_dataset(small, tmp_path / "out", path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (b"label,text\n2,fine\n", r"csv:2: received label '2'"),
        (b"label,text\n1,fine\n0\n", r"csv:3: 1 fields where"),
        (b"stars,review\n1,fine\n", r"no column 'text'. Known: review, stars.; get a good copy"),
        (b"", r"empty"),
        (b'label,text\n1,"fine" it was\n', r"csv:2: .*get a good copy"),
        (b"label,text\n1,caf\xe9\n", r"csv:2: not utf-8"),
    ],
)
def test_bad_table_is_one_clear_line(train, message, small, tmp_path):
    folder = write_tables(tmp_path / "tables", ".csv", {"neg": "0", "pos": "1"})
    (folder / "train.csv").write_bytes(train)
    with pytest.raises(DatasetError, match=message):
        prepare_dataset(small, tmp_path / "out", folder)
    assert not (tmp_path / "out").exists()


def test_truncated_table(small, tmp_path):
    folder = write_tables(tmp_path / "tables", ".csv.gz", {"neg": "0", "pos": "1"})
    whole = (folder / "test.csv.gz").read_bytes()
    (folder / "test.csv.gz").write_bytes(whole[:-20])
    with pytest.raises(DatasetError, match=r"test\.csv\.gz: cannot be read"):
        prepare_dataset(small, tmp_path / "out", folder)


def test_folder_of_something_else(small, tmp_path):
    (tmp_path / "else").mkdir()
    with pytest.raises(DatasetError, match=r"else; expected aclImdb_v1\.tar\.gz, the folder"):
        prepare_dataset(small, tmp_path / "out", tmp_path / "else")


def test_imdb_small_is_in_the_package(tmp_path):
    prepared = registry.prepare("imdb-small", tmp_path)
    rows = rows_of(prepared.train)
    assert len(rows) == prepared.rows["train"] == 100
    assert prepared.note == ""
    # Counted in the package's file: 54 rows begin with 0.
    assert sum(label == "neg" for label, _ in rows) == 54
    assert {label for label, _ in rows} == {"neg", "pos"}
    assert any(
        text.startswith("This was an absolutely terrible movie.") and label == "neg"
        for label, text in rows
    )
