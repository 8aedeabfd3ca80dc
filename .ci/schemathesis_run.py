"""Starts a local stack on a free port with data of its own, and runs schemathesis against it.

What is left out of its checks, and why, stands in schemathesis.toml beside this file.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

# Sequences are tried with several seeds: what the service makes up, such as ids, differs each time,
# and a run of them ends where the same beginning leads elsewhere than before.
RUNS = [
    ["--phases", "examples,coverage,fuzzing"],
    *(["--phases", "stateful", "--seed", str(seed)] for seed in range(1, 7)),
]


def main(program):
    program = pathlib.Path(program).absolute()
    with tempfile.TemporaryDirectory(prefix="users-schemathesis-") as folder:
        environment = os.environ | {"USERS_LOCAL_READY_FILE": f"{folder}/ready.json"}
        log = open(HERE.parent / "target" / "schemathesis-stack.log", "w", encoding="utf-8")
        stack = subprocess.Popen(
            ["cargo", "xtask", "local", "--port", "0", "--data", f"{folder}/data", "--output", "json"],
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=HERE.parent,
            env=environment,
        )
        try:
            line = stack.stdout.readline()
            if not line:
                raise SystemExit(f"the local stack did not start; see {log.name}")
            ready = json.loads(line)
            common = [
                str(program),
                "--config-file",
                str(HERE / "schemathesis.toml"),
                "run",
                str(HERE.parent / "templates" / "openapi.json"),
                "--url",
                ready["url"],
            ]
            environment |= {
                "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
                "PYTHONPATH": str(HERE),
                "PYTHONDONTWRITEBYTECODE": "1",
                "USERS_API_REGION": ready["region"],
            }
            # Words of the command line make one run in place of these.
            runs = [sys.argv[2:]] if sys.argv[2:] else RUNS
            # It keeps what failed where it runs, and tries that first the next time.
            statuses = [subprocess.call(common + run, cwd=folder, env=environment) for run in runs]
            return max(statuses)
        finally:
            stack.terminate()
            stack.wait()
            log.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
