"""
Writes a store with an unmodified MLflow client, and tells everything that a client reads of a store, as JSON.

    mlflow-import.py write <uri>
    mlflow-import.py more <uri>     what is new in the store later
    mlflow-import.py read <uri>
"""
import hashlib
import json
import math
import os
import sys
import tempfile

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

import mlflow
from mlflow import MlflowClient
from mlflow.entities import ViewType

uri = sys.argv[2]
mlflow.set_tracking_uri(uri)
client = MlflowClient()
is_three = mlflow.__version__.startswith("3.")
promptly = "tags.`mlflow.prompt.is_prompt` = 'true'"


class Doubler(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [2 * value for value in model_input]


def write():
    import pandas as pd

    client.set_experiment_tag("0", "team", "standard")
    experiment = client.create_experiment("shop/prices é", tags={"mlflow.note.content": "first line\nsecond: line\n\n# heading", "empty": ""})
    gone = client.create_experiment("gone")
    client.log_metric(client.create_run(gone, tags={"why": "deleted with its experiment"}).info.run_id, "m", 1.5, step=3)
    client.delete_experiment(gone)
    mlflow.set_experiment("shop/prices é")
    table = pd.DataFrame({"a": [1, 2], "b c": ["x", "y"]})
    with mlflow.start_run(run_name="grand run", description="says\nmuch") as run:
        mlflow.log_params({"folder/rate": "0.1", "long": "x " * 200, "empty": ""})
        for step in range(40):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        for value in (float("nan"), float("inf"), float("-inf"), -3.5e-300, 0.0):
            mlflow.log_metric("odd/values", value, step=-2)
        mlflow.log_metric("same", 1.0, step=5)
        data = mlflow.data.from_pandas(table, name="prices")
        mlflow.log_input(data, context="training", tags={"week": "7"})
        mlflow.log_text("some text", "notes/é file.txt")
        mlflow.log_dict({"a": 1}, "facts.json")
        model = {"name": "doubler"} if is_three else {"artifact_path": "doubler"}
        info = mlflow.pyfunc.log_model(python_model=Doubler(), **model)
        if is_three:
            mlflow.log_metric("accuracy", 0.5, model_id=info.model_id, dataset=data)
            client.log_model_params(info.model_id, {"depth": "3"})
            client.set_logged_model_tags(info.model_id, {"kind": "best"})
        with mlflow.start_run(nested=True, run_name="child"):
            mlflow.log_metric("m", 1)
    with mlflow.start_run(run_name="failed"):
        mlflow.end_run("FAILED")
    client.create_run(experiment, run_name="still running")
    thrown = client.create_run(experiment, run_name="thrown away").info.run_id
    client.log_text(thrown, "kept", "of-deleted.txt")
    client.delete_run(thrown)
    version = mlflow.register_model(info.model_uri, "price model", tags={"from": "a test"})
    client.update_registered_model("price model", description="a line\nand 'quotes' and \"more\": " + "word " * 40)
    client.update_model_version("price model", version.version, description="the first")
    client.set_registered_model_tag("price model", "owner", "team é")
    second = client.create_model_version("price model", info.model_uri, run.info.run_id, **({"model_id": info.model_id} if is_three else {}))
    third = client.create_model_version("price model", info.model_uri, run.info.run_id, **({"model_id": info.model_id} if is_three else {}))
    client.delete_model_version("price model", second.version)
    client.transition_model_version_stage("price model", version.version, "Archived")
    client.transition_model_version_stage("price model", third.version, "Production")
    client.set_registered_model_alias("price model", "champion", third.version)
    client.set_registered_model_alias("price model", "old-one", version.version)
    client.create_registered_model("empty model")
    mlflow.register_prompt("greeting", "hello {{name}}", commit_message="first words")
    mlflow.register_prompt("greeting", "good day {{name}}")
    write_traces()
    print(json.dumps({"run": run.info.run_id}))


def write_traces():
    @mlflow.trace(span_type="CHAIN", attributes={"whole": 3, "double": 1.0, "list": [1, 2.5, "x", None], "nested": {"a": {"b": 2**60}}})
    def answer(question):
        with mlflow.start_span("inner") as span:
            span.set_inputs({"a": question})
            span.set_outputs([1, {"b": 2.0}])
        return {"answer": question * 2}

    @mlflow.trace
    def broken():
        raise ValueError("bad")

    answer(4)
    try:
        broken()
    except ValueError:
        pass
    if is_three:
        mlflow.flush_trace_async_logging()
    trace = client.search_traces(all_experiments())[0].info.request_id
    client.set_trace_tag(trace, "team", "shop")
    if not is_three:
        return
    mlflow.log_feedback(trace_id=trace, name="good", value=True, rationale="it was", source=mlflow.entities.AssessmentSource("HUMAN", "ann"))
    mlflow.log_feedback(trace_id=trace, name="rows", value=[{"a": 1, "b": ["x", 2.5]}, {"a": "1", "b": None}])
    mlflow.log_feedback(trace_id=trace, name="score", value=0.5, metadata={"by": "hand"})
    mlflow.log_feedback(trace_id=trace, name="word", value="true")
    mlflow.log_expectation(trace_id=trace, name="right", value={"a": [1]})


def more():
    """A run goes on, another begins, an alias moves."""
    run = client.search_runs(all_experiments(), "attributes.run_name = 'still running'")[0]
    client.log_metric(run.info.run_id, "late", 7.0, step=1)
    client.set_terminated(run.info.run_id)
    client.create_run(run.info.experiment_id, run_name="new one")
    client.set_registered_model_alias("price model", "champion", "1")


def all_experiments():
    return [each.experiment_id for each in client.search_experiments(view_type=ViewType.ALL)]


def number(value):
    return str(value) if math.isnan(value) or math.isinf(value) else value


def files_of(fetch):
    with tempfile.TemporaryDirectory() as folder:
        try:
            root = fetch(folder)
        except Exception as error:
            return f"none: {type(error).__name__}"
        found = {}
        for path, _, names in os.walk(root):
            for name in names:
                whole = os.path.join(path, name)
                with open(whole, "rb") as file:
                    found[os.path.relpath(whole, root)] = hashlib.sha256(file.read()).hexdigest()
        return dict(sorted(found.items()))


def read_run(run):
    info, data = run.info, run.data
    histories = {
        key: sorted([point.step, point.timestamp, str(number(point.value))] for point in client.get_metric_history(info.run_id, key))
        for key in data.metrics
    }
    has_files = info.lifecycle_stage == "active" and len(client.list_artifacts(info.run_id)) > 0
    return {
        "info": [info.run_id, info.experiment_id, info.run_name, info.user_id, info.status, info.start_time, info.end_time, info.lifecycle_stage],
        "params": dict(sorted(data.params.items())),
        "tags": dict(sorted(data.tags.items())),
        "latest": {key: number(value) for key, value in sorted(data.metrics.items())},
        "histories": dict(sorted(histories.items())),
        "datasets": sorted(
            [each.dataset.name, each.dataset.digest, each.dataset.source_type, each.dataset.source, each.dataset.schema, each.dataset.profile, sorted((tag.key, tag.value) for tag in each.tags)]
            for each in run.inputs.dataset_inputs
        ),
        "models": sorted([each.model_id, each.step] for each in run.outputs.model_outputs) if is_three and run.outputs else [],
        "files": files_of(lambda folder: mlflow.artifacts.download_artifacts(run_id=info.run_id, dst_path=folder)) if has_files else {},
    }


def read_version(version, is_prompt):
    fetch = lambda folder: mlflow.artifacts.download_artifacts(f"models:/{version.name}/{version.version}", dst_path=folder)
    return {
        "fields": [version.name, int(version.version), version.creation_timestamp, version.last_updated_timestamp, version.description or "", version.current_stage, version.run_id or "", version.status, version.source],
        "tags": dict(sorted(version.tags.items())),
        "aliases": sorted(version.aliases),
        "files": {} if is_prompt else files_of(fetch),
    }


def read_models():
    prompts = client.search_registered_models(filter_string=promptly, max_results=1000)
    found = client.search_registered_models(max_results=1000) + prompts
    models = []
    for each in sorted(found, key=lambda model: model.name):
        is_prompt = each in prompts  # which are only found by a search
        model = each if is_prompt else client.get_registered_model(each.name)
        versions = client.search_model_versions(f"name = '{model.name}'{f' AND {promptly}' if is_prompt else ''}")
        versions = sorted(versions, key=lambda version: int(version.version))
        if not is_prompt:
            versions = [client.get_model_version(model.name, version.version) for version in versions]
        models.append(
            {
                "fields": [model.name, model.creation_timestamp, model.last_updated_timestamp, model.description or ""],
                "tags": dict(sorted(model.tags.items())),
                "aliases": {alias: int(version) for alias, version in sorted(model.aliases.items())},
                "versions": [read_version(version, is_prompt) for version in versions],
            }
        )
    return models


def read_logged_models(experiments):
    if not is_three:
        return []
    models = []
    for model in sorted(client.search_logged_models(experiments), key=lambda model: model.model_id):
        model = client.get_logged_model(model.model_id)
        models.append(
            {
                "fields": [model.model_id, model.experiment_id, model.name, str(model.status), model.model_type or "", model.source_run_id, model.creation_timestamp, model.last_updated_timestamp],
                "params": dict(sorted(model.params.items())),
                "tags": dict(sorted(model.tags.items())),
                "metrics": sorted([point.key, str(number(point.value)), point.step, point.timestamp, point.run_id, point.dataset_name or "", point.dataset_digest or ""] for point in model.metrics or []),
                "files": files_of(lambda folder: mlflow.artifacts.download_artifacts(f"models:/{model.model_id}", dst_path=folder)),
            }
        )
    return models


def read_traces(experiments):
    found = []
    for each in sorted(client.search_traces(experiments), key=lambda trace: trace.info.request_id.removeprefix("tr-")):
        trace = client.get_trace(each.info.request_id)
        info = trace.info.to_dict()
        del info["tags"]["mlflow.artifactLocation"]
        info["tags"].pop("mlflow.trace.spansLocation", None)  # where spans stand differs between stores
        info["trace_metadata" if is_three else "request_metadata"].pop("mlflow.trace.infoFinalized", None)  # databases say so
        if not is_three:
            info["request_id"] = info["request_id"].removeprefix("tr-")  # ids of before 3.0 have one here
        info.get("assessments", []).sort(key=lambda each: (each["create_time"], each["assessment_id"]))  # files have no order, and many are of one millisecond
        for assessment in info.get("assessments", []):
            assessment.pop("valid", None)  # the database says so, the protocol only of those that are not
        found.append({"info": info, "spans": [span.to_dict() for span in trace.data.spans]})
    return found


def read():
    experiments = sorted(client.search_experiments(view_type=ViewType.ALL), key=lambda each: each.experiment_id)
    ids = [each.experiment_id for each in experiments]
    runs = client.search_runs(ids, run_view_type=ViewType.ALL, max_results=1000)
    print(
        json.dumps(
            {
                "experiments": [[each.experiment_id, each.name, each.lifecycle_stage, each.creation_time, each.last_update_time, dict(sorted(each.tags.items()))] for each in experiments],
                "runs": [read_run(client.get_run(run.info.run_id)) for run in sorted(runs, key=lambda run: run.info.run_id)],
                "logged_models": read_logged_models([each.experiment_id for each in experiments if each.lifecycle_stage == "active"]),
                "models": read_models(),
                "traces": read_traces(ids),
            }
        )
    )


{"write": write, "more": more, "read": read}[sys.argv[1]]()
sys.stdout.flush()
os._exit(0)
