"""Plays the staged run of the monitoring checks, and records what each query of the dashboard returns in it.

    record.py RECORDING

Run it with the Python of checks/metrics (see ./run). The recording is JSON: `start` and `end` in seconds, and in `panels`, by the id
of each panel, the result of each of its queries as Prometheus returned it.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "checks/metrics"))

from test_staged_run import TestStagedRun, panels  # noqa: E402

STEP = 0.5


def recorded(staged):
    run = staged.run_
    query = lambda target: run.prometheus.api(
        "query_range", query=staged.substituted(target["expr"], staged.variables), start=run.start, end=run.end, step=STEP)["result"]
    return {"start": run.start, "end": run.end, "panels": {str(panel["id"]): [query(target) for target in panel["targets"]] for panel in panels()}}


def main():
    [path] = sys.argv[1:]
    try:
        TestStagedRun.setUpClass()
        recording = recorded(TestStagedRun)
    finally:
        TestStagedRun.doClassCleanups()
    pathlib.Path(path).write_text(json.dumps(recording))


if __name__ == "__main__":
    main()
