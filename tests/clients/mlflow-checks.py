"""What an MLflow client does, as checks: each prints one JSON line with its name and what went wrong, if anything.

Usage: python mlflow-checks.py <tracking URI> [name ...]. Written from MLflow's documentation; every check holds of `mlflow server`.
"""

import json
import math
import os
import sys
import tempfile
import time
import traceback
import uuid

os.environ.update(
    MLFLOW_TRACKING_URI=sys.argv[1],
    MLFLOW_DISABLE_TELEMETRY="true",
    MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT="1",
    MLFLOW_HTTP_REQUEST_MAX_RETRIES="1",
    GIT_PYTHON_REFRESH="quiet",
)

import mlflow  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Metric, Param, RunTag, ViewType  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

NEWER = int(mlflow.__version__.split(".")[0]) >= 3
client = MlflowClient()
checks = []


def check(function):
    checks.append(function)
    return function


def unique(what):
    return f"{what} {uuid.uuid4().hex[:10]}"


def new_run(**given):
    return client.create_run(client.create_experiment(unique("experiment")), **given)


def refused(code, work):
    try:
        work()
    except MlflowException as error:
        assert error.error_code == code, (error.error_code, str(error))
        return str(error)
    raise AssertionError(f"was not refused with {code}")


def wine():
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=["acid", "sugar", "salt"])
    return frame, (frame.acid + frame.sugar > 0).astype(int)


def fitted():
    from sklearn.linear_model import LogisticRegression

    frame, target = wine()
    return LogisticRegression(C=0.5).fit(frame, target), frame, target


def log_sklearn(model, frame, **given):
    named = {"name": "model"} if NEWER else {"artifact_path": "model"}
    if NEWER:
        given.setdefault("serialization_format", "cloudpickle")
    signature = mlflow.models.infer_signature(frame, model.predict(frame))
    return mlflow.sklearn.log_model(model, **named, signature=signature, pip_requirements=["scikit-learn"], **given)


@check
def experiments():
    name = unique("team/experiment")
    experiment = client.create_experiment(name, tags={"a": "1"})
    found = client.get_experiment(experiment)
    assert (found.name, found.lifecycle_stage, found.tags) == (name, "active", {"a": "1"})
    assert found.artifact_location.startswith("mlflow-artifacts:/")
    assert client.get_experiment_by_name(name).experiment_id == experiment
    assert client.get_experiment_by_name(unique("none")) is None
    refused("RESOURCE_ALREADY_EXISTS", lambda: client.create_experiment(name))
    client.set_experiment_tag(experiment, "b", "2")
    client.rename_experiment(experiment, name + " renamed")
    assert [e.experiment_id for e in client.search_experiments(filter_string=f"name = '{name} renamed' and tags.b = '2'")] == [experiment]
    run = client.create_run(experiment)
    client.delete_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "deleted"
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
    assert [e.experiment_id for e in client.search_experiments(ViewType.DELETED_ONLY, filter_string=f"name = '{name} renamed'")] == [experiment]
    client.restore_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "active"
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_experiment("987654321"))


@check
def search_experiments_in_pages():
    prefix = unique("page")
    for i in range(5):
        client.create_experiment(f"{prefix} {i}")
    names = []
    token = None
    while True:
        page = client.search_experiments(filter_string=f"name LIKE '{prefix}%'", order_by=["name DESC"], max_results=2, page_token=token)
        names += [e.name[-1] for e in page]
        token = page.token
        if not token:
            break
    assert names == list("43210"), names


@check
def fluent_runs():
    mlflow.set_experiment(unique("fluent"))
    with mlflow.start_run(run_name="parent", tags={"kind": "outer"}, description="a note") as parent:
        mlflow.log_params({"depth": 3, "rate": 0.1})
        mlflow.log_metrics({"loss": 0.5, "acc": 0.9}, step=1)
        mlflow.set_tags({"team": "air"})
        with mlflow.start_run(run_name="child", nested=True) as child:
            mlflow.log_metric("loss", 0.1)
    run = mlflow.get_run(parent.info.run_id)
    assert run.info.status == "FINISHED" and run.info.run_name == "parent" and run.info.end_time >= run.info.start_time
    assert run.data.params == {"depth": "3", "rate": "0.1"} and run.data.metrics == {"loss": 0.5, "acc": 0.9}
    assert run.data.tags["mlflow.note.content"] == "a note" and run.data.tags["team"] == "air" and run.data.tags["mlflow.runName"] == "parent"
    children = mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'", output_format="list")
    assert [each.info.run_id for each in children] == [child.info.run_id]
    assert mlflow.get_parent_run(child.info.run_id).info.run_id == parent.info.run_id
    try:
        with mlflow.start_run() as failed:
            raise KeyError("as planned")
    except KeyError:
        pass
    assert client.get_run(failed.info.run_id).info.status == "FAILED"
    with mlflow.start_run(run_id=parent.info.run_id):
        mlflow.log_metric("late", 1)
    assert client.get_run(parent.info.run_id).data.metrics["late"] == 1


@check
def without_an_experiment():
    assert client.get_experiment("0").name == "Default"
    run = client.create_run("0", run_name="free")
    assert client.get_run(run.info.run_id).info.run_name == "free"


@check
def metric_histories():
    run = new_run().info.run_id
    for step in range(20):
        client.log_metric(run, "loss", 1 / (step + 1), step=step, timestamp=1000 + step)
    history = client.get_metric_history(run, "loss")
    assert [(m.step, m.timestamp) for m in history] == [(i, 1000 + i) for i in range(20)]
    assert client.get_run(run).data.metrics["loss"] == 1 / 20
    client.log_metric(run, "back", 2, step=5, timestamp=1)
    client.log_metric(run, "back", 1, step=3, timestamp=9)
    assert client.get_run(run).data.metrics["back"] == 2
    assert client.get_metric_history(run, "none") == []


@check
def numbers_that_are_none():
    run = new_run().info.run_id
    for key, value in (("nan", math.nan), ("inf", math.inf), ("minus", -math.inf)):
        client.log_metric(run, key, value)
    metrics = client.get_run(run).data.metrics
    assert math.isnan(metrics["nan"]) and metrics["inf"] > 1e308 and metrics["minus"] < -1e308
    assert math.isnan(client.get_metric_history(run, "nan")[0].value)


@check
def batches():
    run = new_run().info.run_id
    now = int(time.time() * 1000)
    metrics = [Metric(f"m{i % 10}", float(i), now, i) for i in range(1000)]
    client.log_batch(run, metrics=metrics)
    client.log_batch(run, metrics=metrics)
    client.log_batch(run, params=[Param(f"p{i}", str(i)) for i in range(100)], tags=[RunTag(f"t{i}", str(i)) for i in range(100)])
    data = client.get_run(run).data
    assert len(data.params) == 100 and data.tags["t99"] == "99" and data.metrics["m9"] == 999
    assert len(client.get_metric_history(run, "m0")) == 100


@check
def what_is_refused():
    run = new_run().info.run_id
    client.log_param(run, "p", 1)
    client.log_param(run, "p", 1)
    assert "Changing param values is not allowed" in refused("INVALID_PARAMETER_VALUE", lambda: client.log_param(run, "p", 2))
    refused("INVALID_PARAMETER_VALUE", lambda: client.log_metric(run, "../m", 1))
    refused("INVALID_PARAMETER_VALUE", lambda: client.log_param(run, "a!b", 1))
    refused("INVALID_PARAMETER_VALUE", lambda: client.log_param(run, "x" * 251, 1))
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_run(uuid.uuid4().hex))
    refused("INVALID_PARAMETER_VALUE", lambda: client.search_runs(["0"], "params.x > 3"))
    client.log_param(run, "long", "x" * 6000)
    client.set_tag(run, "tag", "y" * 8000)
    assert len(client.get_run(run).data.params["long"]) == 6000


@check
def tags_and_states():
    run = new_run(tags={"a": "1"}).info.run_id
    client.set_tag(run, "b", "2")
    client.delete_tag(run, "a")
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.delete_tag(run, "a"))
    assert "a" not in client.get_run(run).data.tags
    client.update_run(run, name="other", status="KILLED")
    info = client.get_run(run).info
    assert (info.run_name, info.status) == ("other", "KILLED")
    client.delete_run(run)
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    refused("INVALID_PARAMETER_VALUE", lambda: client.log_metric(run, "m", 1))
    client.restore_run(run)
    client.log_metric(run, "m", 1)
    client.set_terminated(run, "FINISHED", end_time=5)
    assert client.get_run(run).info.end_time == 5


@check
def searches():
    experiment = client.create_experiment(unique("search"))
    runs = []
    for i in range(6):
        run = client.create_run(experiment, start_time=1000 + i, run_name=f"run {i}", tags={"group": "even" if i % 2 == 0 else "odd"})
        client.log_metric(run.info.run_id, "acc", [0.1, 0.5, math.nan, 0.9, 0.7, 0.3][i])
        client.log_param(run.info.run_id, "model", ["tree", "Tree", "forest", "linear", "tree", "svm"][i])
        if i == 5:
            client.log_param(run.info.run_id, "extra", "x")
            client.set_terminated(run.info.run_id)
        runs.append(run.info.run_id)

    def found(filter_string="", order_by=None, **more):
        return [runs.index(r.info.run_id) for r in client.search_runs([experiment], filter_string, order_by=order_by, **more)]

    assert found() == [5, 4, 3, 2, 1, 0]
    assert found("metrics.acc > 0.4", ["metrics.acc DESC"]) == [3, 4, 1]
    assert found("metrics.acc >= 0.1 and params.model = 'tree'", ["start_time"]) == [0, 4]
    assert found("params.model LIKE 't%'", ["start_time"]) == [0, 4]
    assert found("params.model ILIKE 't%'", ["start_time"]) == [0, 1, 4]
    assert found("tags.group != 'odd'", ["start_time ASC"]) == [0, 2, 4]
    assert found("attributes.status = 'FINISHED'") == [5]
    assert found("attributes.start_time >= 1004", ["attributes.start_time"]) == [4, 5]
    assert found("run_name = 'run 3'") == [3]
    assert found(f"run_id IN ('{runs[1]}', '{runs[2]}')", ["start_time"]) == [1, 2]
    assert found("", ["metrics.acc ASC"]) == [0, 5, 1, 4, 3, 2]
    assert found("", ["params.model ASC", "start_time ASC"])[-2:] == [0, 4]
    assert found("tags.`group` = 'odd' AND metrics.`acc` < 0.6", ["start_time"]) == [1, 5]
    if NEWER:
        assert found("params.extra IS NULL", ["start_time"]) == [0, 1, 2, 3, 4]
        assert found("params.extra IS NOT NULL") == [5]
    page = client.search_runs([experiment], order_by=["start_time"], max_results=4)
    rest = client.search_runs([experiment], order_by=["start_time"], max_results=4, page_token=page.token)
    assert [runs.index(r.info.run_id) for r in page] == [0, 1, 2, 3] and [runs.index(r.info.run_id) for r in rest] == [4, 5] and not rest.token
    frame = mlflow.search_runs([experiment], "params.model = 'tree'")
    assert len(frame) == 2 and "metrics.acc" in frame.columns and "tags.group" in frame.columns
    for wrong in ("acc > 1", "metrics.acc = 'x'", "params.model = tree", "params.model = 'a' OR params.model = 'b'", "params.model IN ('a')", "status IN ('x')"):
        refused("INVALID_PARAMETER_VALUE", lambda: found(wrong))


@check
def datasets():
    mlflow.set_experiment(unique("data"))
    frame, target = wine()
    dataset = mlflow.data.from_pandas(frame.assign(target=target), source="https://example.com/wine.csv", name="wine", targets="target")
    with mlflow.start_run() as run:
        mlflow.log_input(dataset, context="training", tags={"split": "a"})
        mlflow.log_input(dataset, context="training")
    found = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert len(found) == 1 and found[0].dataset.name == "wine" and found[0].dataset.digest == dataset.digest
    assert {tag.key: tag.value for tag in found[0].tags}["mlflow.data.context"] == "training"
    assert "acid" in found[0].dataset.schema and json.loads(found[0].dataset.profile)["num_rows"] == 60
    assert mlflow.data.get_source(found[0].dataset).url == "https://example.com/wine.csv"
    assert len(client.search_runs([run.info.experiment_id], "dataset.name = 'wine' and dataset.context = 'training'")) == 1
    assert len(client.search_runs([run.info.experiment_id], "datasets.digest = 'other'")) == 0


@check
def artifacts():
    run = new_run().info.run_id
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f"{folder}/sub/deep")
        for name, content in (("a.txt", b"hello"), ("sub/b.bin", bytes(range(256)) * 4096), ("sub/deep/c d.json", b"{}")):
            with open(f"{folder}/{name}", "wb") as file:
                file.write(content)
        client.log_artifact(run, f"{folder}/a.txt")
        client.log_artifacts(run, folder, "all")
        client.log_text(run, "text", "notes/n.txt")
        client.log_dict(run, {"k": [1, 2]}, "notes/d.json")
        client.log_image(run, np.zeros((4, 4, 3), dtype=np.uint8), "zero.png")
    assert [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run)][:2] == [("a.txt", False, 5), ("all", True, None)]
    assert [f.path for f in client.list_artifacts(run, "all/sub")] == ["all/sub/b.bin", "all/sub/deep"]
    assert client.list_artifacts(run, "a.txt") == [] and client.list_artifacts(run, "none") == []
    with tempfile.TemporaryDirectory() as target:
        local = client.download_artifacts(run, "all", target)
        with open(f"{local}/sub/b.bin", "rb") as file:
            assert file.read() == bytes(range(256)) * 4096
        assert os.path.exists(f"{local}/sub/deep/c d.json")
    assert mlflow.artifacts.load_dict(f"runs:/{run}/notes/d.json") == {"k": [1, 2]}
    assert mlflow.artifacts.load_text(f"runs:/{run}/notes/n.txt") == "text"
    begun = time.time()
    try:
        mlflow.artifacts.download_artifacts(artifact_uri=f"runs:/{run}/nothing")
        raise AssertionError("found nothing")
    except Exception as error:
        assert not isinstance(error, AssertionError), error
    assert time.time() - begun < 15


@check
def tables_and_figures():
    mlflow.set_experiment(unique("tables"))
    with mlflow.start_run() as run:
        mlflow.log_table({"q": ["a", "b"], "n": [1, 2]}, "table.json")
        mlflow.log_table({"q": ["c"], "n": [3]}, "table.json")
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots()
        axes.plot([1, 2])
        mlflow.log_figure(figure, "plots/line.png")
    assert list(mlflow.load_table("table.json", run_ids=[run.info.run_id])["n"]) == [1, 2, 3]
    assert [f.path for f in client.list_artifacts(run.info.run_id, "plots")] == ["plots/line.png"]


@check
def models():
    mlflow.set_experiment(unique("models"))
    model, frame, _ = fitted()
    with mlflow.start_run() as run:
        mlflow.log_metric("auc", 0.9)
        info = log_sklearn(model, frame, input_example=frame.head(2))
    expected = list(model.predict(frame))
    for uri in (info.model_uri, f"runs:/{run.info.run_id}/model"):
        assert list(mlflow.pyfunc.load_model(uri).predict(frame)) == expected, uri
        assert list(mlflow.sklearn.load_model(uri).predict(frame)) == expected, uri
    assert mlflow.models.get_model_info(f"runs:/{run.info.run_id}/model").signature.inputs.input_names() == ["acid", "sugar", "salt"]
    if not NEWER:
        assert "model" in [f.path for f in client.list_artifacts(run.info.run_id)]
        assert json.loads(client.get_run(run.info.run_id).data.tags["mlflow.log-model.history"])[0]["artifact_path"] == "model"


@check
def own_python_models():
    class Adder(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input["x"] + 1

    mlflow.set_experiment(unique("own"))
    with mlflow.start_run():
        named = {"name": "adder"} if NEWER else {"artifact_path": "adder"}
        info = mlflow.pyfunc.log_model(**named, python_model=Adder(), pip_requirements=["pandas"])
    assert list(mlflow.pyfunc.load_model(info.model_uri).predict(pd.DataFrame({"x": [1, 2]}))) == [2, 3]


@check
def registry():
    mlflow.set_experiment(unique("registry"))
    model, frame, _ = fitted()
    name = unique("model")
    with mlflow.start_run() as run:
        log_sklearn(model, frame, registered_model_name=name)
    version = mlflow.register_model(f"runs:/{run.info.run_id}/model", name, tags={"t": "1"})
    assert str(version.version) == "2" and version.run_id == run.info.run_id and version.status == "READY"
    client.set_registered_model_alias(name, "champion", "1")
    client.set_registered_model_alias(name, "champion", "2")
    assert str(client.get_model_version_by_alias(name, "champion").version) == "2"
    assert client.get_registered_model(name).aliases == {"champion": "2"}
    expected = list(model.predict(frame))
    for uri in (f"models:/{name}/1", f"models:/{name}@champion", f"models:/{name}/latest"):
        assert list(mlflow.pyfunc.load_model(uri).predict(frame)) == expected, uri
    client.update_model_version(name, "1", description="first")
    client.set_model_version_tag(name, "1", "k", "v")
    found = client.get_model_version(name, "1")
    assert found.description == "first" and found.tags["k"] == "v"
    client.delete_model_version_tag(name, "1", "k")
    client.update_registered_model(name, "described")
    client.set_registered_model_tag(name, "a", "b")
    assert client.get_registered_model(name).description == "described"
    assert [m.name for m in client.search_registered_models(f"name = '{name}' and tags.a = 'b'")] == [name]
    assert [str(v.version) for v in client.search_model_versions(f"name = '{name}'", order_by=["version_number ASC"])] == ["1", "2"]
    assert [str(v.version) for v in client.search_model_versions(f"run_id = '{run.info.run_id}' and tags.t = '1'")] == ["2"]
    client.delete_registered_model_alias(name, "champion")
    refused("INVALID_PARAMETER_VALUE", lambda: client.get_model_version_by_alias(name, "champion"))
    copied = client.copy_model_version(f"models:/{name}/1", unique("copy"))
    assert list(mlflow.pyfunc.load_model(f"models:/{copied.name}/{copied.version}").predict(frame)) == expected
    client.rename_registered_model(name, name + " renamed")
    assert list(mlflow.pyfunc.load_model(f"models:/{name} renamed/1").predict(frame)) == expected
    client.delete_model_version(name + " renamed", "1")
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_model_version(name + " renamed", "1"))
    client.delete_registered_model(name + " renamed")
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_registered_model(name + " renamed"))


@check
def stages():
    name = unique("staged")
    client.create_registered_model(name)
    run = new_run().info.run_id
    client.log_text(run, "x", "model/MLmodel")
    for _ in range(3):
        client.create_model_version(name, f"runs:/{run}/model", run)
    client.transition_model_version_stage(name, "1", "Production")
    moved = client.transition_model_version_stage(name, "2", "Production", archive_existing_versions=True)
    assert moved.current_stage == "Production" and client.get_model_version(name, "1").current_stage == "Archived"
    latest = {v.current_stage: str(v.version) for v in client.get_latest_versions(name)}
    assert latest == {"Archived": "1", "Production": "2", "None": "3"}, latest
    assert [str(v.version) for v in client.get_latest_versions(name, ["Production"])] == ["2"]
    refused("INVALID_PARAMETER_VALUE", lambda: client.transition_model_version_stage(name, "1", "Wrong"))


@check
def sources_that_are_refused():
    name = unique("sources")
    client.create_registered_model(name)
    run = new_run().info.run_id
    for source in ("/etc", "file:///etc", "http://localhost/x", "s3://b/../c", "mlflow-artifacts:/0/other/artifacts"):
        refused("INVALID_PARAMETER_VALUE", lambda: client.create_model_version(name, source, run))
    refused("RESOURCE_ALREADY_EXISTS", lambda: client.create_registered_model(name))
    assert client.create_model_version(name, "s3://bucket/model").source == "s3://bucket/model"


@check
def autolog_of_sklearn():
    mlflow.set_experiment(unique("autolog"))
    mlflow.sklearn.autolog(log_datasets=True)
    try:
        with mlflow.start_run() as run:
            model, frame, target = fitted()
            model.score(frame, target)
    finally:
        mlflow.sklearn.autolog(disable=True)
    found = client.get_run(run.info.run_id)
    assert found.data.params["C"] == "0.5" and "training_score" in found.data.metrics
    assert found.data.tags["estimator_name"] == "LogisticRegression" and len(found.inputs.dataset_inputs) >= 1
    assert list(mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model").predict(frame)) == list(model.predict(frame))
    if NEWER:
        assert len(found.outputs.model_outputs) == 1


@check
def autolog_of_lightgbm():
    import lightgbm

    mlflow.set_experiment(unique("lightgbm"))
    mlflow.lightgbm.autolog()
    frame, target = wine()
    try:
        with mlflow.start_run() as run:
            data = lightgbm.Dataset(frame, target)
            model = lightgbm.train({"objective": "binary", "verbosity": -1}, data, 5, valid_sets=[data], valid_names=["train"])
    finally:
        mlflow.lightgbm.autolog(disable=True)
    assert len(client.get_metric_history(run.info.run_id, "train-binary_logloss")) == 5
    loaded = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model").predict(frame)
    assert np.allclose(loaded, model.predict(frame))


@check
def evaluation():
    mlflow.set_experiment(unique("evaluate"))
    model, frame, target = fitted()
    data = frame.assign(target=target)
    evaluate = mlflow.models.evaluate if NEWER else mlflow.evaluate
    with mlflow.start_run() as run:
        info = log_sklearn(model, frame)
        result = evaluate(info.model_uri, data, targets="target", model_type="classifier", evaluator_config={"log_model_explainability": False})
    assert client.get_run(run.info.run_id).data.metrics["accuracy_score"] == result.metrics["accuracy_score"]
    assert any(f.path.endswith(".png") for f in client.list_artifacts(run.info.run_id))


@check
def logged_models():
    if not NEWER:
        return
    mlflow.set_experiment(unique("logged"))
    model, frame, target = fitted()
    dataset = mlflow.data.from_pandas(frame.assign(target=target), name="wine")
    with mlflow.start_run() as run:
        mlflow.log_param("C", 0.5)
        info = log_sklearn(model, frame, params={"depth": "3"})
        mlflow.log_metric("auc", 0.9, model_id=info.model_id, dataset=dataset)
    found = mlflow.get_logged_model(info.model_id)
    assert str(found.status) == "READY" and found.source_run_id == run.info.run_id and found.params["depth"] == "3"
    assert [(m.key, m.value, m.dataset_name) for m in found.metrics] == [("auc", 0.9, "wine")]
    assert [o.model_id for o in client.get_run(run.info.run_id).outputs.model_outputs] == [info.model_id]
    experiment = run.info.experiment_id

    def names(**given):
        return [m.model_id for m in mlflow.search_logged_models(experiment_ids=[experiment], output_format="list", **given)]

    assert names(filter_string="metrics.auc > 0.5 AND params.depth = '3'") == [info.model_id]
    assert names(filter_string="name = 'other'") == []
    assert names(order_by=[{"field_name": "metrics.auc", "ascending": False}]) == [info.model_id]
    mlflow.set_logged_model_tags(info.model_id, {"team": "air"})
    assert mlflow.get_logged_model(info.model_id).tags["team"] == "air"
    mlflow.delete_logged_model_tag(info.model_id, "team")
    name = unique("from logged")
    version = mlflow.register_model(info.model_uri, name)
    assert list(mlflow.pyfunc.load_model(f"models:/{name}/{version.version}").predict(frame)) == list(model.predict(frame))
    assert client.list_logged_model_artifacts(info.model_id) != []
    own = mlflow.initialize_logged_model(name="external", model_type="agent")
    assert str(mlflow.finalize_logged_model(own.model_id, "FAILED").status) == "FAILED"
    client.delete_logged_model(own.model_id)
    refused("RESOURCE_DOES_NOT_EXIST", lambda: mlflow.get_logged_model(own.model_id))


@check
def left_for_the_other():
    """Leaves a registered model for clients of the other generation, where the suite asks for it."""
    if "MLFLOW_CHECKS_SHARED" not in os.environ:
        return
    mlflow.set_experiment(unique("shared"))
    model, frame, _ = fitted()
    name = unique("shared model")
    with mlflow.start_run() as run:
        log_sklearn(model, frame, registered_model_name=name)
    with open(os.environ["MLFLOW_CHECKS_SHARED"], "a") as file:
        file.write(json.dumps({"by": mlflow.__version__, "run": run.info.run_id, "name": name}) + "\n")


@check
def found_of_the_other():
    if not os.path.exists(os.environ.get("MLFLOW_CHECKS_SHARED", "")):
        return
    with open(os.environ["MLFLOW_CHECKS_SHARED"]) as file:
        left = [json.loads(line) for line in file]
    for each in left:
        for uri in (f"runs:/{each['run']}/model", f"models:/{each['name']}/1", f"models:/{each['name']}/latest"):
            with tempfile.TemporaryDirectory() as target:
                local = mlflow.artifacts.download_artifacts(uri, dst_path=target)
                with open(os.path.join(local, "MLmodel")) as file:
                    assert each["by"] in file.read(), (uri, each)
        assert "model" in [f.path for f in client.list_artifacts(each["run"])], each


@check
def prompts():
    if not NEWER:
        return
    name = f"prompt-{uuid.uuid4().hex[:8]}"
    mlflow.genai.register_prompt(name, "Hello {{who}}", commit_message="first")
    mlflow.genai.register_prompt(name, "Hi {{who}}")
    assert mlflow.genai.load_prompt(f"prompts:/{name}/1").template == "Hello {{who}}"
    mlflow.genai.set_prompt_alias(name, "live", 2)
    assert mlflow.genai.load_prompt(f"prompts:/{name}@live").format(who="Ann") == "Hi Ann"
    assert client.search_registered_models(f"name = '{name}'") == []


def main():
    wanted = set(sys.argv[2:])
    for function in checks:
        if wanted and function.__name__ not in wanted:
            continue
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
