"""What a compiled pipeline asks of Kubeflow."""

import re

from pydantic import Field, field_validator

from tidegate.models.core.settings import Settings

# Kubernetes' suffixes of memory, in bytes.
_UNITS = {"M": 10**6, "G": 10**9, "T": 10**12, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


class ResourceSettings(Settings):
    """What one component's container gets."""

    cpu: float | None = Field(None, gt=0, description="CPU cores at most")
    memory: str | None = Field(None, description="memory at most, as 16G or 512Mi")
    gpu: int = Field(0, ge=0, description="number of GPUs")
    gpu_type: str = Field(
        "nvidia.com/gpu",
        description="Kubernetes' name of the resource; on Vertex AI the accelerator, as "
        "NVIDIA_TESLA_T4",
    )

    @field_validator("memory")
    @classmethod
    def _is_memory(cls, value: str | None) -> str | None:
        if value is not None:
            _bytes(value)
        return value

    def gigabytes(self) -> float:
        """The memory in units of 10⁹ bytes, as Kubeflow's messages have it; 0 for none."""
        return _bytes(self.memory) / 1e9 if self.memory else 0.0


def _bytes(memory: str) -> float:
    """Bytes of ``16G`` or ``512Mi``.

    Raises:
      ValueError: not of that form.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([MGT]i?)", memory)
    if not found or not float(found[1]):
        raise ValueError(f"memory {memory!r}: expected a number and one of {', '.join(_UNITS)}")
    return float(found[1]) * _UNITS[found[2]]


class KubeflowSettings(Settings):
    """`tidegate compile`: images and resources; a component is named by its id in the DAG."""

    pipeline_name: str | None = Field(
        None, description="the pipeline's name in Kubeflow; from the task's name if not given"
    )
    images: dict[str, str] = Field(
        default_factory=dict, description="{component: image} where it is not that of --image"
    )
    resources: dict[str, ResourceSettings] = Field(
        default_factory=dict,
        description="{component: {cpu: 4, memory: 16G, gpu: 1, gpu_type: nvidia.com/gpu}}",
    )
    cache: bool = Field(True, description="use finished work of former runs")
    cache_data: bool = Field(
        False,
        description="use finished work of the ExampleGen too: for Vertex AI alone, which looks at "
        "the data before its cache; open-source Kubeflow would not see that the data changed",
    )

    @field_validator("pipeline_name")
    @classmethod
    def _is_name(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,127}", value):
            raise ValueError("small letters, digits and dashes, 128 at most")
        return value
