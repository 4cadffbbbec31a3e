"""Models: logged, loaded, registered, under aliases and in stages; those of the other generation too."""

import json
import os
import tempfile
import uuid

import mlflow
import pandas as pd
from check_kit import NEWER, check, client, fitted, log_sklearn, named, new_run, newer, refused, unique, wine


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
        info = mlflow.pyfunc.log_model(**named("adder"), python_model=Adder(), pip_requirements=["pandas"])
    assert list(mlflow.pyfunc.load_model(info.model_uri).predict(pd.DataFrame({"x": [1, 2]}))) == [2, 3]


@check
def registered_models():
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
    client.delete_registered_model_tag(name, "a")
    assert client.get_registered_model(name).tags == {}
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


@newer
def logged_models():
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


@newer
def prompts():
    name = f"prompt-{uuid.uuid4().hex[:8]}"
    mlflow.genai.register_prompt(name, "Hello {{who}}", commit_message="first")
    mlflow.genai.register_prompt(name, "Hi {{who}}")
    assert mlflow.genai.load_prompt(f"prompts:/{name}/1").template == "Hello {{who}}"
    mlflow.genai.set_prompt_alias(name, "live", 2)
    assert mlflow.genai.load_prompt(f"prompts:/{name}@live").format(who="Ann") == "Hi Ann"
    assert client.search_registered_models(f"name = '{name}'") == []
