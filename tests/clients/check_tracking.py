"""Experiments, runs, metrics, params, tags, searches and datasets."""

import io
import json
import math
import os
import tempfile
import threading
import time
import uuid

import mlflow
import numpy as np
from check_kit import NEWER, check, client, new_run, refused, unique, wine
from mlflow.entities import Metric, Param, RunTag, ViewType


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
def logging_in_the_background():
    mlflow.set_experiment(unique("background"))
    with mlflow.start_run() as run:
        waits = [mlflow.log_metric("loss", i, step=i, synchronous=False) for i in range(50)]
        waits.append(mlflow.log_params({"a": 1, "b": 2}, synchronous=False))
        waits.append(mlflow.set_tags({"t": "x"}, synchronous=False))
        waits.append(mlflow.log_metrics({"acc": 1, "f1": 2}, synchronous=False))
        for each in waits:
            each.wait()
        mlflow.flush_async_logging()
    data = client.get_run(run.info.run_id).data
    assert [m.step for m in client.get_metric_history(run.info.run_id, "loss")] == list(range(50))
    assert data.params == {"a": "1", "b": "2"} and data.tags["t"] == "x" and data.metrics["acc"] == 1


@check
def metrics_of_the_system():
    mlflow.set_experiment(unique("system"))
    mlflow.set_system_metrics_sampling_interval(0.2)
    mlflow.set_system_metrics_samples_before_logging(1)
    with mlflow.start_run(log_system_metrics=True) as run:
        for end in (time.time() + 8, 0):
            while time.time() < end and "system/cpu_utilization_percentage" not in client.get_run(run.info.run_id).data.metrics:
                time.sleep(0.1)
    metrics = client.get_run(run.info.run_id).data.metrics
    assert {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"} <= set(metrics), metrics


@check
def one_experiment_for_racing_threads():
    name = unique("race")
    found, failed = [], []

    def enter():
        try:
            found.append(mlflow.set_experiment(name).experiment_id)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and len(set(found)) == 1, (failed, found)


@check
def runs_that_are_taken_up_again():
    mlflow.set_experiment(unique("resume"))
    with mlflow.start_run() as run:
        mlflow.log_metric("a", 1)
    os.environ["MLFLOW_RUN_ID"] = run.info.run_id
    try:
        with mlflow.start_run() as again:
            mlflow.log_metric("b", 2)
    finally:
        os.environ.pop("MLFLOW_RUN_ID", None)
    assert again.info.run_id == run.info.run_id
    assert client.get_run(run.info.run_id).data.metrics == {"a": 1, "b": 2}
    with mlflow.start_run(parent_run_id=run.info.run_id) as child:
        pass
    assert client.get_parent_run(child.info.run_id).info.run_id == run.info.run_id and client.get_parent_run(run.info.run_id) is None


@check
def words_of_all_languages():
    name = unique("Übung 機械学習 ✈")
    experiment = client.create_experiment(name, tags={"größe": "groß 大"})
    assert client.get_experiment_by_name(name).tags == {"größe": "groß 大"}
    run = client.create_run(experiment, run_name="Lauf 走 🏃", tags={"ключ": "значение"}).info.run_id
    client.log_param(run, "параметр/длина", "日本\n\ttext \"'\\")
    client.log_metric(run, "точность é", 0.5)
    client.set_tag(run, "标签", "🎉" * 100)
    client.log_text(run, "наука", "папка/文件 ü.txt")
    found = client.get_run(run)
    assert found.info.run_name == "Lauf 走 🏃" and found.data.tags["ключ"] == "значение" and found.data.tags["标签"] == "🎉" * 100
    assert found.data.params["параметр/длина"] == "日本\n\ttext \"'\\" and found.data.metrics["точность é"] == 0.5
    assert [f.path for f in client.list_artifacts(run, "папка")] == ["папка/文件 ü.txt"]
    assert mlflow.artifacts.load_text(f"runs:/{run}/папка/文件 ü.txt") == "наука"
    assert [r.info.run_id for r in client.search_runs([experiment], "tags.`ключ` = 'значение' and params.`параметр/длина` LIKE '日本%'")] == [run]
    model = client.create_registered_model(unique("модель 模型"), tags={"k": "é"}, description="описание")
    assert client.get_registered_model(model.name).description == "описание"


@check
def long_keys_and_values():
    run = new_run().info.run_id
    key = "k" * 250
    client.log_metric(run, key, 1)
    client.log_param(run, key, "v" * 6000)
    client.set_tag(run, key, "t" * 8000)
    data = client.get_run(run).data
    assert data.metrics[key] == 1 and len(data.params[key]) == 6000 and len(data.tags[key]) == 8000
    assert [m.value for m in client.get_metric_history(run, key)] == [1]
    experiment = client.create_experiment((unique("long") + "x" * 500)[:500])
    refused("INVALID_PARAMETER_VALUE", lambda: client.create_experiment("x" * 501))
    client.set_experiment_tag(experiment, "t" * 250, "v" * 5000)
    client.log_batch(run, metrics=[Metric(f"{i}" + "m" * 240, 1.0, 1, 0) for i in range(100)])
    assert len(client.get_run(run).data.metrics) == 101


@check
def files_of_every_kind():
    run = new_run().info.run_id
    client.log_table(run, {"q": ["a"], "n": [1]}, "table.json")
    client.log_table(run, {"q": ["b"], "n": [2]}, "table.json")
    assert list(client.load_table(client.get_run(run).info.experiment_id, "table.json", run_ids=[run])["n"]) == [1, 2]
    client.log_dict(run, {"a": [1, {"b": None}]}, "d.yaml")
    if NEWER:
        client.log_stream(run, io.BytesIO(bytes(100_000)), "streamed.bin")
        assert [f.file_size for f in client.list_artifacts(run) if f.path == "streamed.bin"] == [100_000]
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    client.log_figure(run, plt.figure(), "figure.png")
    client.log_image(run, np.zeros((4, 4, 3), dtype=np.uint8), key="steps", step=1)
    paths = {f.path for f in client.list_artifacts(run)}
    assert {"table.json", "d.yaml", "figure.png", "images"} <= paths, paths
    assert len(client.list_artifacts(run, "images")) == 2
    root = client.get_run(run).info.artifact_uri
    for uri in (f"runs:/{run}/d.yaml", f"{root}/d.yaml"):
        with tempfile.TemporaryDirectory() as target, open(mlflow.artifacts.download_artifacts(uri, dst_path=target)) as file:
            assert "a:" in file.read(), uri
    assert [f.path for f in mlflow.artifacts.list_artifacts(root)] != []
    with tempfile.TemporaryDirectory() as folder:
        for i in range(40):
            with open(f"{folder}/{i}.txt", "w") as file:
                file.write(str(i))
        client.log_artifacts(run, folder, "many")
        assert len(client.list_artifacts(run, "many")) == 40
        with tempfile.TemporaryDirectory() as target:
            local = mlflow.artifacts.download_artifacts(run_id=run, artifact_path="many", dst_path=target)
            assert len(os.listdir(local)) == 40
