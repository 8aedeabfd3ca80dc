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
            return subprocess.call(
                [
                    str(program),
                    "--config-file",
                    str(HERE / "schemathesis.toml"),
                    "run",
                    str(HERE.parent / "templates" / "openapi.json"),
                    "--url",
                    ready["url"],
                    *sys.argv[2:],
                ],
                # It keeps what failed where it runs, and tries that first the next time.
                cwd=folder,
                env=environment
                | {
                    "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
                    "PYTHONPATH": str(HERE),
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "USERS_API_REGION": ready["region"],
                },
            )
        finally:
            stack.terminate()
            stack.wait()
            log.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
