"""`tidegate doctor`: what it finds, and the command it gives."""

import sys
from importlib import metadata
from pathlib import Path

import pytest

import tidegate
from tidegate.pipeline import doctor


def found(what: str) -> doctor.Finding:
    return next(finding for finding in doctor.examine() if finding.what == what)


def test_this_environment_is_as_it_must_be() -> None:
    wrong = {finding.what: str(finding) for finding in doctor.examine() if not finding.good}
    # Of the machine that runs the tests nothing is asked.
    assert not wrong.keys() - {"memory", "disk", "GPU"}


def test_the_generation_is_that_of_the_installed_tfx() -> None:
    assert metadata.version("tfx").startswith(f"{doctor.GENERATION}.")
    assert f"the generation of TFX {doctor.GENERATION}" in found("Python").found


def test_a_good_finding_names_the_version_and_no_command() -> None:
    finding = found("keras")
    assert metadata.version("keras") in str(finding) and "mend" not in str(finding)


def test_the_version_is_that_of_the_package() -> None:
    assert tidegate.__version__ == metadata.version("tidegate")
    assert found("tidegate").found == tidegate.__version__


@pytest.mark.parametrize("version", ["3.8.0", "4.0.0"])
def test_a_wrong_version_is_named_with_what_is_expected(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = metadata.version
    monkeypatch.setattr(
        doctor.metadata, "version", lambda name: version if name == "keras" else real(name)
    )
    finding = found("keras")
    assert not finding.good
    assert version in str(finding) and "<4,>=3.9" in str(finding)
    assert f"pip install -c constraints/tfx-{doctor.GENERATION}.txt" in finding.mend


def test_a_missing_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name == "babel":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    assert str(found("babel")).startswith("missing  babel: not installed; mend with: pip install")


def test_another_python_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Version(tuple):
        major, minor, micro = 3, 14, 1

    monkeypatch.setattr(sys, "version_info", Version((3, 14, 1)))
    finding = next(doctor.examine())
    assert not finding.good and finding.found == "3.14.1, expected 3.10 to 3.13"


def test_little_disk_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(
        doctor.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1 << 29})()
    )
    monkeypatch.chdir(tmp_path)
    finding = found(f"free disk at {tmp_path}")
    assert not finding.good and "expected 2" in finding.found


def test_a_gpu_without_its_libraries_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.Path, "exists", lambda path: True)
    finding = found("GPU")
    assert not finding.good and "tensorflow[and-cuda]" in finding.mend
