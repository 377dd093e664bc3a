"""Configuration files: what they set, and errors that name file and line."""

import pytest

from tidegate.serving.server.batching_parameters import read_batching_parameters
from tidegate.serving.server.model_config import no_models, read_model_config, single_model
from tidegate.serving.server.options import BatchingParameters, ConfigError

MODELS = """
model_config_list {
  config {
    name: "half"
    base_path: "/models/half"
    model_platform: "tensorflow"
    model_version_policy { specific { versions: 3 versions: 5 } }
    version_labels { key: "stable" value: 3 }
  }
  config { name: "text" base_path: "gs://bucket/text" model_platform: "tensorflow" }
}
"""


@pytest.fixture
def write(tmp_path):
    def file(text):
        path = tmp_path / "file.config"
        path.write_text(text)
        return path

    return file


def test_a_model_config_file(write):
    first, second = read_model_config(write(MODELS)).model_config_list.config
    assert (first.name, first.base_path) == ("half", "/models/half")
    assert list(first.model_version_policy.specific.versions) == [3, 5]
    assert dict(first.version_labels) == {"stable": 3}
    assert second.base_path == "gs://bucket/text"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model_config_list {\n  confg { }\n}", ':2:3: Message type "tensorflow.serving.Model'),
        ("\nmodel_config_list {", ":2:19: Expected"),
        ("", "Only ModelConfigList is currently supported"),
        (MODELS.replace('"text"', '"half"'), "list model half multiple times in config list"),
        (MODELS.replace("gs://bucket", "models"), "Expected model text to have an absolute path"),
        (MODELS.replace('"tensorflow"', '"other"', 1), "half requests unsupported platform other"),
        (MODELS.replace('model_platform: "tensorflow"', "", 1), "setting neither"),
        (MODELS.replace('name: "half"', ""), "has no name"),
    ],
)
def test_a_wrong_model_config_file(write, text, expected):
    path = write(text)
    with pytest.raises(ConfigError) as raised:
        read_model_config(path)
    message = str(raised.value)
    assert message.startswith(f"--model_config_file: {path}")
    assert expected in message
    assert "\n" not in message


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read .*none\.config"):
        read_model_config(tmp_path / "none.config")


def test_one_model_by_flags(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (model,) = single_model("m", "models/m").model_config_list.config
    assert (model.name, model.base_path) == ("m", str(tmp_path / "models" / "m"))
    (model,) = single_model("m", "gs://bucket/m").model_config_list.config
    assert model.base_path == "gs://bucket/m"
    with pytest.raises(ConfigError, match="--model_name is empty"):
        single_model("", "/models/m")
    assert not no_models().model_config_list.config


def test_batching_parameters(write):
    path = write(
        """
        max_batch_size { value: 32 }
        batch_timeout_micros { value: 0 }
        max_enqueued_batches { value: 7 }
        num_batch_threads { value: 3 }
        thread_pool_name { value: "pool" }
        allowed_batch_sizes: 8
        allowed_batch_sizes: 32
        pad_variable_length_inputs: true
        """
    )
    assert read_batching_parameters(path) == BatchingParameters(32, 0, 7, 3, (8, 32), True)
    assert read_batching_parameters(write("")) == BatchingParameters()
    split = read_batching_parameters(
        write(
            """
            max_batch_size { value: 100 }
            enable_large_batch_splitting { value: true }
            max_execution_batch_size { value: 10 }
            allowed_batch_sizes: [5, 10]
            """
        )
    )
    assert (split.enable_large_batch_splitting, split.largest_run) == (True, 10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max_batch_size { value: 8 }\nallowed: 3", ":2:1: "),
        ("max_batch_size: 8", ":1:"),
        ("max_batch_size { value: 0 }", "max_batch_size is 0, expected at least 1"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros is -1, expected at least 0"),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: 4",
            "last of allowed_batch_sizes is 4, expected max_batch_size, which is 8",
        ),
        (
            "max_batch_size { value: 8 } max_execution_batch_size { value: 4 }",
            "max_execution_batch_size is 4, which holds for batches that are split alone",
        ),
        (
            "max_batch_size { value: 8 } max_execution_batch_size { value: 9 } "
            "enable_large_batch_splitting { value: true }",
            "max_execution_batch_size is 9, expected at most max_batch_size, which is 8",
        ),
        (
            "max_batch_size { value: 8 } max_execution_batch_size { value: 4 } "
            "enable_large_batch_splitting { value: true } allowed_batch_sizes: 8",
            "last of allowed_batch_sizes is 8, expected max_execution_batch_size, which is 4",
        ),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: [4, 4, 8]",
            "is [4, 4, 8], expected increasing sizes",
        ),
    ],
)
def test_wrong_batching_parameters(write, text, expected):
    path = write(text)
    with pytest.raises(ConfigError) as raised:
        read_batching_parameters(path)
    assert str(raised.value).startswith(f"--batching_parameters_file: {path}")
    assert expected in str(raised.value)
