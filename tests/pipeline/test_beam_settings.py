"""``--beam`` and the section `beam`: checked, and handed to every component that uses Beam."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler
from tfx.dsl.components.base import base_beam_component
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable.beam_executor_operator import BeamExecutorOperator
from tfx.proto.orchestration import executable_spec_pb2

from tidegate.models.core.task import load_task, task_names
from tidegate.pipeline import cli
from tidegate.pipeline.beam import check_job_service, explain, parse_beam
from tidegate.pipeline.config import make_config, parse_assignments, read_file
from tidegate.pipeline.dag import Locations, create_pipeline
from tidegate.tables.errors import InputError

TASK = load_task("text_classification")
PORTABLE = ("runner=PortableRunner", "job_endpoint=localhost:8099")


def arguments(*assignments: str) -> list[str]:
    return make_config(TASK, parse_beam(assignments)).beam.arguments()


def refusal(*assignments: str) -> str:
    with pytest.raises(InputError) as caught:
        arguments(*assignments)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_without_a_word_one_worker_runs_in_memory() -> None:
    assert arguments() == [
        "--runner=DirectRunner",
        "--direct_running_mode=in_memory",
        "--direct_num_workers=1",
        "--allow_unsafe_triggers",
        "--sdk_container_image=none",
    ]


@pytest.mark.parametrize(
    ("location", "received"),
    [
        ([], "it is not given"),
        (["prism_location=https://example.org/prism.zip"], "received beam.prism_location=https"),
        (["prism_location=/not/there/prism"], "received beam.prism_location=/not/there/prism"),
    ],
)
def test_prism_is_a_file_and_nothing_is_fetched(location: list[str], received: str) -> None:
    with pytest.raises(InputError, match=f"expected beam.prism_location=FILE.*{received}"):
        arguments("runner=PrismRunner", *location)


def test_a_prism_that_is_there_is_used(tmp_path: Path) -> None:
    (tmp_path / "prism").touch()
    given = arguments("runner=prism", f"prism_location={tmp_path}/prism")
    assert given[0] == "--runner=PrismRunner" and f"--prism_location={tmp_path}/prism" in given


def test_settings_and_other_options_become_arguments() -> None:
    found = arguments(
        *PORTABLE,
        "environment_type=EXTERNAL",
        "environment_config=localhost:50000",
        "sdk_worker_parallelism=2",
        "number_of_worker_harness_threads=4",
        "experiments=a",
        "experiments=b,c",
        "save_main_session=false",
        "profile_cpu=true",
        "resource_hint=min_ram=4GB",
    )
    assert found == [
        "--runner=PortableRunner",
        "--job_endpoint=localhost:8099",
        "--job_server_timeout=3600",
        "--environment_type=EXTERNAL",
        "--environment_config=localhost:50000",
        "--sdk_worker_parallelism=2",
        "--sdk_container_image=none",
        "--number_of_worker_harness_threads=4",
        "--experiments=a",
        "--experiments=b,c",
        "--profile_cpu",
        "--resource_hint=min_ram=4GB",
    ]


def test_the_file_set_and_beam_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(
        "beam: {runner: portable, job_endpoint: 'localhost:8099', environment_type: PROCESS,\n"
        "       environment_config: {command: /opt/worker}, max_num_workers: 3}\n"
    )
    file = make_config(TASK, read_file(str(path))).beam
    sets = parse_assignments(
        [
            "beam.runner=PortableRunner",
            "beam.job_endpoint=localhost:8099",
            "beam.environment_type=PROCESS",
            'beam.environment_config={"command": "/opt/worker"}',
            "beam.max_num_workers=3",
        ]
    )
    option = parse_beam(
        [
            *PORTABLE,
            "environment_type=PROCESS",
            'environment_config={"command": "/opt/worker"}',
            "--max_num_workers=3",
        ]
    )
    assert make_config(TASK, sets).beam.arguments() == file.arguments()
    assert make_config(TASK, option).beam.arguments() == file.arguments()
    assert '--environment_config={"command": "/opt/worker"}' in file.arguments()


def test_beam_goes_over_the_file_option_by_option() -> None:
    layers: list[dict[str, Any]] = [
        {"beam": {"options": {"own": 1}, "max_num_workers": 3, "temp_location": "/a"}},
        parse_beam(["temp_location=/b"]),
    ]
    config = make_config(TASK, *layers)
    assert config.beam.options == {"own": 1, "max_num_workers": 3, "temp_location": "/b"}
    assert make_config(TASK, config.as_dict()).beam == config.beam


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("runer=DirectRunner", "unknown Beam option 'runer'. Did you mean 'runner'?"),
        ("job_endpoit=a:1", "unknown Beam option 'job_endpoit'. Did you mean 'job_endpoint'?"),
        (
            "max_num_worker=3",
            "unknown Beam option 'max_num_worker'. Did you mean 'max_num_workers'?",
        ),
        ("runner=FlinkRuner", "unknown runner 'FlinkRuner'. Did you mean 'FlinkRunner'?"),
        ("max_num_workers=many", "beam.max_num_workers='many': expected int; Maximum number of "),
        ("profile_cpu=maybe", "beam.profile_cpu='maybe': expected true or false"),
        ("pickle_library=x", "beam.pickle_library='x': expected cloudpickle | default | dill"),
        ("transform_name_mapping={", "beam.transform_name_mapping='{': expected JSON"),
        ("direct_num_workers=-1", "beam.direct_num_workers='-1': expected int ("),
        ("direct_running_mode=x", "beam.direct_running_mode='x': expected in_memory | "),
        ("environment_type=DOKER", "beam.environment_type='DOKER': expected Literal | none (Input"),
        ("no_wait_until_finish=true", "beam.no_wait_until_finish: not possible here: "),
        ("streaming=true", "beam.streaming: not possible here: "),
        ("runner", "--beam runner: expected option=value"),
        ("=x", "--beam =x: expected option=value"),
    ],
)
def test_a_wrong_option_says_what_is_expected(assignment: str, said: str) -> None:
    assert refusal(assignment).startswith(said)


@pytest.mark.parametrize(
    ("assignments", "said"),
    [
        (["runner=PortableRunner"], "needs job_endpoint=HOST:PORT"),
        ([*PORTABLE, "environment_type=EXTERNAL"], "EXTERNAL needs environment_config"),
        (
            [*PORTABLE, "environment_type=LOOPBACK", "environment_config=x"],
            "LOOPBACK takes no environment_config",
        ),
        (PORTABLE, "give beam.sdk_container_image=IMAGE"),
        (["runner=DataflowRunner"], "give beam.sdk_container_image=IMAGE"),
        (["runner=FlinkRunner", "flink_master=host:8081"], "give beam.sdk_container_image=IMAGE"),
        (["max_num_workers=1", "max_num_workers=2"], "expected a single value"),
    ],
)
def test_options_have_to_fit_together(assignments: list[str], said: str) -> None:
    assert said in refusal(*assignments)


def test_a_job_services_own_option_goes_below_options() -> None:
    config = make_config(TASK, {"beam": {"options": {"objectReuse": True}}})
    assert config.beam.arguments()[-1] == "--objectReuse"
    with pytest.raises(InputError, match=r"beam\.options: runner is a setting, give beam\.runner"):
        make_config(TASK, {"beam": {"options": {"runner": "FlinkRunner"}}})


@pytest.mark.parametrize(
    ("assignments", "image"),
    [
        (["runner=flink"], ["--sdk_container_image=none"]),
        (["runner=spark"], ["--sdk_container_image=none"]),
        ([*PORTABLE, "environment_type=LOOPBACK"], ["--sdk_container_image=none"]),
        (["runner=dataflow", "sdk_container_image=r/t:1"], ["--sdk_container_image=r/t:1"]),
        (
            ["runner=spark", "spark_master_url=spark://m:7077", "sdk_container_image=r/t:1"],
            [
                "--sdk_container_image=r/t:1",
                "--environment_type=DOCKER",
                "--environment_config=r/t:1",
            ],
        ),
        (
            [*PORTABLE, "environment_type=DOCKER", "environment_config=r/t:1"],
            ["--sdk_container_image=r/t:1", "--environment_config=r/t:1"],
        ),
        (["runner=dataflow", "extra_package=/tidegate.whl"], ["--extra_package=/tidegate.whl"]),
    ],
)
def test_containers_get_an_image_and_nothing_is_packed(
    assignments: list[str], image: list[str]
) -> None:
    found = arguments(*assignments)
    assert set(image) <= set(found)
    packed = [one for one in found if one.startswith(("--sdk_container_image", "--extra_package"))]
    assert len(packed) == 1, found


@pytest.mark.parametrize("name", task_names())
def test_the_arguments_arrive_at_every_component_that_uses_beam(name: str) -> None:
    from apache_beam.options.pipeline_options import PortableOptions, SetupOptions

    layer = parse_beam([*PORTABLE, "environment_type=LOOPBACK", "beam_plugin=one"])
    config = make_config(load_task(name), layer)
    dag = create_pipeline(
        config,
        Locations("/data.csv", "/test.csv", "0", "/out/artifacts", "/out/serving"),
        metadata_store_pb2.ConnectionConfig(
            sqlite=metadata_store_pb2.SqliteMetadataSourceConfig(filename_uri="/out/metadata")
        ),
    )
    compiled = compiler.Compiler().compile(dag)
    deployment = runner_utils.extract_local_deployment_config(compiled)
    reached = set()
    for node in compiled.nodes:
        component = node.pipeline_node.node_info.id
        spec = runner_utils.extract_executor_spec(deployment, component)
        if not isinstance(spec, executable_spec_pb2.BeamExecutableSpec):
            continue
        operator = BeamExecutorOperator(spec)
        words = [one.value.string_value for one in operator.beam_pipeline_args]
        assert words == config.beam.arguments()
        # As TFX makes it to run the component: nothing is added on the way.
        executor = operator._executor_cls(operator._executor_cls.Context(beam_pipeline_args=words))
        options = executor._make_beam_pipeline()._options
        assert options.view_as(PortableOptions).job_endpoint == "localhost:8099"
        assert options.view_as(PortableOptions).environment_type == "LOOPBACK"
        assert options.view_as(SetupOptions).beam_plugins == ["one"]
        assert options.view_as(SetupOptions).extra_packages is None
        reached.add(component)
    assert {"StatisticsGen", "Transform", "Evaluator", "TestEvaluator"} <= reached
    if issubclass(load_task(name).example_gen.load(), base_beam_component.BaseBeamComponent):
        assert [one for one in reached if one.endswith("ExampleGen")]


def command(monkeypatch: pytest.MonkeyPatch, *words: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["tidegate", "run", "text_classification", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["max_num_workers=x"], "tidegate: beam.max_num_workers='x': expected int; "),
        (["runner=DataflowRunner"], "tidegate: beam.runner=DataflowRunner: its workers run in "),
        (
            ["runner=portable", "job_endpoint=localhost:1", "environment_type=LOOPBACK"],
            "tidegate: beam.job_endpoint=localhost:1: no job service answers there (Connection "
            "refused); expected ",
        ),
    ],
)
def test_the_command_ends_with_one_line_before_it_reads_data(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [word for option in words for word in ("--beam", option)]
    folder = tmp_path / "out"
    assert command(monkeypatch, "--data", "none.csv", "--output", str(folder), *given) == 2
    error = capsys.readouterr().err
    assert error.startswith(said)
    assert len(error.splitlines()) == 1
    assert not folder.exists()


def test_an_embedded_job_service_and_none_need_no_endpoint() -> None:
    check_job_service(None)
    check_job_service("embed")
    with pytest.raises(InputError, match="expected HOST:PORT"):
        check_job_service("localhost")


# As the job service words it.
LOST = "RuntimeError: Channel closed prematurely."


def test_a_jobs_failure_becomes_one_line() -> None:
    trace = (
        "Pipeline job-1 failed in state FAILED: Traceback (most recent call last):\n"
        '  File "x.py", line 1, in process\nValueError: no such thing\n'
    )
    assert explain(RuntimeError(trace)) == "the Beam job ended: FAILED: ValueError: no such thing"
    lost = explain(RuntimeError(trace.replace("ValueError: no such thing", LOST)))
    assert lost == (
        "the Beam job ended: FAILED: RuntimeError: Channel closed prematurely; "
        "a worker may have been lost"
    )
    # Prism 2.74, whose worker pool was killed at work.
    failed = "bundle inst001 stage-003 failed:SDK worker disconnected"
    prism = f"Pipeline job-001 failed in state FAILED: {failed}"
    assert (explain(RuntimeError(prism)) or "").endswith(
        "stage-003 failed:SDK worker disconnected; a worker may have been lost"
    )
    assert explain(ValueError("Pipeline x failed in state y: z")) is None
    assert explain(RuntimeError("something else")) is None
