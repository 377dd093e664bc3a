"""Beam's own local job service, with several workers for each job.

    python -m benchmarks.job_service --workers 2 --port-file FILE

`python -m apache_beam.runners.portability.local_job_service_main` asks the environment of a job for
one worker. This one asks for as many as are given, and deals a stage's elements out to them, as
Beam's direct runner does with its own processes.
"""

import argparse
import os
import tempfile
import threading
from pathlib import Path
from typing import Any

from apache_beam.portability.api import beam_job_api_pb2
from apache_beam.runners.portability import local_job_service
from apache_beam.runners.portability.fn_api_runner import fn_runner


def _job_class(workers: int) -> type[local_job_service.BeamJob]:
    class Job(local_job_service.BeamJob):
        def _invoke_runner(self) -> Any:
            self.set_state(beam_job_api_pb2.JobState.RUNNING)
            runner = fn_runner.FnApiRunner(provision_info=self._provision_info)
            # What DirectRunner sets from direct_num_workers; a job service has no option for it.
            runner._num_workers = workers
            return runner.run_via_runner_api(self._pipeline_proto, self.pipeline_options())

    return Job


def main() -> None:
    """Serves until it is killed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=1, help="of each job")
    parser.add_argument("--port-file", type=Path, required=True, help="the port is written there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="job-service-") as staging:
        servicer = local_job_service.LocalJobServicer(staging, _job_class(arguments.workers))
        port = servicer.start_grpc_server()
        beside = arguments.port_file.with_suffix(".part")
        beside.write_text(str(port))
        os.replace(beside, arguments.port_file)
        threading.Event().wait()


if __name__ == "__main__":
    main()
