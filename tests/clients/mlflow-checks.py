"""What an MLflow client does, as checks: each prints one JSON line with its name and what went wrong, if anything.

Usage: python mlflow-checks.py <tracking URI> [group or name ...]. Written from MLflow's documentation; every check holds of `mlflow server`.
"""

import importlib
import json
import os
import sys
import time
import traceback

os.environ["MLFLOW_TRACKING_URI"] = sys.argv[1]
APART = {"torch"}  # only where it is asked for
GROUPS = ["tracking", "registry", "training", "flavors", "commands", "methods"]


def main():
    wanted = set(sys.argv[2:])
    os.environ["MLFLOW_CHECKS_ALL"] = "yes" if not wanted or wanted >= set(GROUPS) else ""
    for group in [*GROUPS, *sorted(wanted & APART)]:
        if wanted and not wanted & {group, *names_in(group)}:
            continue
        kit = importlib.import_module("check_kit")
        kit.checks.clear()
        importlib.import_module(f"check_{group}")
        for function in list(kit.checks):
            if not wanted or wanted & {group, function.__name__}:
                run(function, kit.mlflow)


def names_in(group):
    with open(os.path.join(os.path.dirname(__file__), f"check_{group}.py")) as file:
        return {line[4:].split("(")[0] for line in file if line.startswith("def ")}


def run(function, mlflow):
    begun = time.time()
    error = None
    try:
        function()
    except BaseException:
        error = traceback.format_exc(limit=-4)[-3000:]
    while mlflow.active_run():
        mlflow.end_run()
    print("CHECK " + json.dumps({"name": function.__name__, "error": error, "seconds": round(time.time() - begun, 1)}), flush=True)


main()
