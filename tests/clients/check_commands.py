"""MLflow's commands: `mlflow experiments`, `runs`, `artifacts` and `models`."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import mlflow
import pandas as pd
from check_kit import NEWER, check, client, fitted, log_sklearn, new_run, unique
from click.testing import CliRunner
from mlflow.cli import cli


def command(*words, fails=False):
    """Runs a command in this process and gives what it printed."""
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert (result.exit_code != 0) == fails, (words, result.output, result.exception)
    return result.output


@check
def commands_for_experiments():
    name = unique("commands")
    experiment = re.search(r"with id (\w+)", command("experiments", "create", "-n", name)).group(1)
    assert client.get_experiment(experiment).name == name
    command("experiments", "create", "-n", name, fails=True)
    assert name in command("experiments", "search")
    command("experiments", "rename", "-x", experiment, "--new-name", name + " anew")
    if NEWER:
        assert json.loads(command("experiments", "get", "-x", experiment, "--output", "json"))["name"] == name + " anew"
    command("experiments", "delete", "-x", experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "deleted"
    assert name in command("experiments", "search", "--view", "deleted_only")
    command("experiments", "restore", "-x", experiment)
    run = client.create_run(experiment, run_name="told").info.run_id
    client.log_metric(run, "m", 0.5)
    client.log_param(run, "p", "q")
    with tempfile.TemporaryDirectory() as folder:
        command("experiments", "csv", "-x", experiment, "-o", f"{folder}/runs.csv")
        frame = pd.read_csv(f"{folder}/runs.csv")
    assert list(frame["run_id"]) == [run] and list(frame["metrics.m"]) == [0.5] and list(frame["params.p"]) == ["q"]


@check
def commands_for_runs():
    run = new_run(run_name="listed").info
    listed = command("runs", "list", "--experiment-id", run.experiment_id)
    assert run.run_id in listed and "listed" in listed
    told = json.loads(command("runs", "describe", "--run-id", run.run_id))
    assert told["info"]["run_id"] == run.run_id
    command("runs", "delete", "--run-id", run.run_id)
    assert client.get_run(run.run_id).info.lifecycle_stage == "deleted"
    assert run.run_id in command("runs", "list", "--experiment-id", run.experiment_id, "--view", "deleted_only")
    command("runs", "restore", "--run-id", run.run_id)
    assert client.get_run(run.run_id).info.lifecycle_stage == "active"
    if NEWER:
        made = command("runs", "create", "--experiment-id", run.experiment_id, "--run-name", "made", "--tags", "a=b")
        assert client.search_runs([run.experiment_id], "run_name = 'made' and tags.a = 'b'"), made
    command("runs", "describe", "--run-id", "0" * 32, fails=True)


@check
def commands_for_artifacts():
    run = new_run().info.run_id
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f"{folder}/all/sub")
        for name in ("all/a.txt", "all/sub/b.txt"):
            with open(f"{folder}/{name}", "w") as file:
                file.write(name)
        command("artifacts", "log-artifact", "--local-file", f"{folder}/all/a.txt", "--run-id", run)
        command("artifacts", "log-artifacts", "--local-dir", f"{folder}/all", "--run-id", run, "--artifact-path", "put")
        listed = json.loads(command("artifacts", "list", "--run-id", run))
        assert [(f["path"], f["is_dir"]) for f in listed] == [("a.txt", False), ("put", True)]
        assert [f["path"] for f in json.loads(command("artifacts", "list", "-r", run, "-a", "put"))] == ["put/a.txt", "put/sub"]
        local = command("artifacts", "download", "--run-id", run, "--artifact-path", "put", "--dst-path", f"{folder}/got").strip().splitlines()[-1]
        with open(f"{local}/sub/b.txt") as file:
            assert file.read() == "all/sub/b.txt"
        command("artifacts", "download", "--artifact-uri", f"runs:/{run}/a.txt", "--dst-path", folder)
        assert os.path.exists(f"{folder}/a.txt")


def registered(alias):
    mlflow.set_experiment(unique("served"))
    model, frame, _ = fitted()
    name = unique("served").replace(" ", "-")
    with mlflow.start_run():
        log_sklearn(model, frame, registered_model_name=name)
    client.set_registered_model_alias(name, alias, "1")
    return name, model, frame.head(4)


@check
def predictions_by_command():
    name, model, frame = registered("champion")
    with tempfile.TemporaryDirectory() as folder:
        frame.to_csv(f"{folder}/in.csv", index=False)
        words = ["-m", f"models:/{name}/1", "-i", f"{folder}/in.csv", "-o", f"{folder}/out.json", "-t", "csv", "--env-manager", "local"]
        done = subprocess.run([sys.executable, "-m", "mlflow", "models", "predict", *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        with open(f"{folder}/out.json") as file:
            assert json.load(file)["predictions"] == [int(each) for each in model.predict(frame)]


@check
def models_that_are_served():
    name, model, frame = registered("live")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["models", "serve", "-m", f"models:/{name}@live", "-p", str(port), "-h", "127.0.0.1", "--env-manager", "local"]
    with tempfile.TemporaryFile() as said:
        server = subprocess.Popen([sys.executable, "-m", "mlflow", *words], stdout=said, stderr=said, start_new_session=True)
        try:
            wait_for(f"http://127.0.0.1:{port}/ping", server, said)
            body = json.dumps({"dataframe_split": frame.to_dict(orient="split")}).encode()
            request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", body, {"content-type": "application/json"})
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert json.load(answer)["predictions"] == [int(each) for each in model.predict(frame)]
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def wait_for(url, server, said):
    for end in (time.time() + 120, 0):
        while time.time() < end and server.poll() is None:
            try:
                with urllib.request.urlopen(url, timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
    said.seek(0)
    raise AssertionError(said.read()[-2000:].decode())
