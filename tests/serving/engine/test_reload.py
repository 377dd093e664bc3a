"""Labels, and configurations that change: by request, by a file, by a folder of models."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from tests.serving.engine.conftest import (
    POLL,
    after,
    ask,
    attempt,
    configured,
    eventually,
    refused,
    spec,
    states,
)
from tests.serving.models import publish
from tidegate.serving.server.manager import ModelManager
from tidegate.serving.server.model_config import no_models, read_model_config
from tidegate.serving.server.options import ConfigError, EngineOptions
from tidegate.serving.server.status import ServingError


def test_labels(start_manager, base, saved_model):
    publish(saved_model("half_plus_2"), base, 2)
    manager = start_manager(configured(base, "all", {"stable": 1, "canary": 2}))
    eventually(lambda: states(manager) == {1: "AVAILABLE", 2: "AVAILABLE"})
    assert ask(manager, spec(label="stable")) == (1, 1.0)
    assert ask(manager, spec(label="canary")) == (2, 2.0)
    manager.reload(configured(base, "all", {"stable": 2}))
    assert ask(manager, spec(label="stable")) == (2, 2.0)
    assert refused(manager, spec(label="canary"))[1].endswith("label: canary")
    with pytest.raises(ServingError) as raised:
        manager.reload(configured(base, "all", {"stable": 3}))
    assert (raised.value.code, raised.value.message) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "Request to assign label to version 3 of model m, "
        "which is not currently available for inference",
    )
    assert ask(manager, spec(label="stable")) == (2, 2.0)


def test_labels_before_their_versions(start_manager, base):
    manager = start_manager(
        configured(base, "all"), allow_version_labels_for_unavailable_models=True
    )
    manager.reload(configured(base, "all", {"stable": 1, "next": 2}))
    assert refused(manager, spec(label="next"))[1].endswith("Specific(m, 2)")
    with pytest.raises(ServingError, match="assign label to version 2"):
        manager.reload(configured(base, "all", {"stable": 2}))


def test_a_reload_adds_and_removes_models(start_manager, base, tmp_path, saved_model):
    manager = start_manager(base)
    publish(saved_model("half_plus_5"), tmp_path / "other", 1)
    both = configured(base)
    both.MergeFrom(configured(tmp_path / "other", name="other"))
    manager.reload(both)
    assert ask(manager, spec(name="other")) == (1, 5.0)
    manager.reload(configured(tmp_path / "other", name="other"))
    eventually(lambda: states(manager) == {1: "END"})
    assert refused(manager, spec())[1] == "Servable not found for request: Latest(m)"
    manager.reload(both)
    assert ask(manager) == (1, 1.0)


def test_a_model_that_comes_back_before_it_is_unloaded(start_manager, base):
    manager = start_manager(base, file_system_poll_wait_seconds=0)
    none = ModelServerConfig()
    none.model_config_list.SetInParent()
    with ThreadPoolExecutor(1) as pool:
        with manager.lease(spec()):
            manager.reload(none)
            eventually(lambda: states(manager) == {1: "UNLOADING"})
            back = pool.submit(manager.reload, configured(base))
            # The start's, the first reload's and this one's: the thread has seen it, and goes on.
            eventually(lambda: manager._polls_done == 3)
            assert not back.done()
        back.result(60)
    assert ask(manager) == (1, 1.0)


def test_a_reload_to_another_folder(start_manager, base, tmp_path, saved_model):
    """The same name and number, and yet another model."""
    manager = start_manager(base)
    publish(saved_model("half_plus_5"), tmp_path / "other", 1)
    manager.reload(configured(tmp_path / "other"))
    assert eventually(lambda: ask(manager)[1] == 5.0)
    eventually(lambda: states(manager) == {1: "AVAILABLE"})


def test_reloads_that_fail(start_manager, base, tmp_path, saved_model):
    manager = start_manager(base)
    custom = ModelServerConfig()
    custom.custom_model_config.SetInParent()
    for config in (custom, ModelServerConfig()):
        with pytest.raises(ServingError, match="type not supported by Handle") as raised:
            manager.reload(config)
        assert raised.value.code == grpc.StatusCode.INVALID_ARGUMENT
    publish(saved_model("broken"), tmp_path / "bad", 1)
    bad = configured(tmp_path / "bad", name="bad")
    with pytest.raises(ServingError, match=r"1 servable\(s\) did not become available") as raised:
        manager.reload(bad)
    assert "{name: bad version: 1} due to error: " in raised.value.message
    # The models that it would have removed serve on, and are followed on.
    assert ask(manager) == (1, 1.0)
    publish(saved_model("half_plus_2"), base, 2)
    assert eventually(lambda: ask(manager) == (2, 2.0))
    assert refused(manager, spec(name="bad"))[0] == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("place", ["missing", "empty"])
def test_a_reload_to_a_folder_without_versions(start_manager, base, tmp_path, place):
    manager = start_manager(base)
    (tmp_path / "empty").mkdir()
    for name in ("m", "other"):
        with pytest.raises(ServingError, match=r"1 servable\(s\) did not") as raised:
            manager.reload(configured(tmp_path / place, name=name))
        assert str(tmp_path / place) in raised.value.message
        assert ask(manager) == (1, 1.0)
    assert manager.reload(configured(base)) is None


def test_a_label_on_a_version_that_the_same_reload_loads(start_manager, base, saved_model):
    manager = start_manager(base)
    publish(saved_model("half_plus_2"), base, 2)
    publish(saved_model("broken"), base, 3)
    manager.reload(configured(base, "specific 1,2", {"stable": 1, "canary": 2}))
    assert ask(manager, spec(label="canary")) == (2, 2.0)
    manager.reload(configured(base, "specific 2", {"stable": 2}))
    assert ask(manager, spec(label="stable")) == (2, 2.0)
    # It is loaded and fails: all stays as it was.
    with pytest.raises(ServingError, match="assign label to version 3 of model m") as raised:
        manager.reload(configured(base, "specific 2,3", {"stable": 3}))
    assert raised.value.code == grpc.StatusCode.FAILED_PRECONDITION
    assert ask(manager, spec(label="stable")) == (2, 2.0)


def test_a_folder_without_models_says_so_at_once(start_manager, tmp_path, saved_model, caplog):
    manager = start_manager(no_models(), models_folder=tmp_path)
    said = f"No models in {tmp_path}: expected MODEL/VERSION/saved_model.pb"
    assert [said in record.message for record in caplog.records] == [True]
    publish(saved_model("half_plus_1"), tmp_path / "one", 1)
    assert eventually(lambda: attempt(manager, spec(name="one"))) == (1, 1.0)


def test_a_folder_of_models(start_manager, tmp_path, saved_model):
    publish(saved_model("half_plus_1"), tmp_path / "one", 1)
    manager = start_manager(no_models(), models_folder=tmp_path)
    assert ask(manager, spec(name="one")) == (1, 1.0)
    publish(saved_model("half_plus_2"), tmp_path / "two", 7)
    assert eventually(lambda: attempt(manager, spec(name="two"))) == (7, 2.0)


def test_a_configuration_file_that_changes(start_manager, base, tmp_path, saved_model):
    file = tmp_path / "models.config"
    file.write_text(text_format.MessageToString(configured(base)))
    manager = start_manager(
        read_model_config(file),
        model_config_file=file,
        model_config_file_poll_wait_seconds=POLL,
    )
    publish(saved_model("half_plus_2"), base, 2)
    eventually(lambda: ask(manager)[0] == 2)
    file.write_text("model_config_list { confg {} }")
    after(manager, "_reread")
    assert ask(manager) == (2, 2.0)
    file.write_text(text_format.MessageToString(configured(base, "specific 1")))
    assert eventually(lambda: ask(manager)[0] == 1)
    file.write_text(
        text_format.MessageToString(configured(base, "specific 1,2", {"stable": 1, "canary": 2}))
    )
    assert eventually(lambda: attempt(manager, spec(label="canary"))) == (2, 2.0)


def test_no_polling_but_at_the_start_and_reloads(start_manager, base, saved_model):
    manager = start_manager(base, file_system_poll_wait_seconds=0)
    publish(saved_model("half_plus_2"), base, 2)
    after(manager._lifecycle, "reconcile", wake=manager._changed)
    assert ask(manager) == (1, 1.0)
    manager.reload(configured(base))
    assert eventually(lambda: ask(manager)[0] == 2)


def test_a_wrong_configuration(tmp_path):
    with pytest.raises(ConfigError, match="absolute path"):
        ModelManager(configured("relative"), EngineOptions())
