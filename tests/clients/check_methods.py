"""Every public method of `MlflowClient` is called by some check, or stands here with the reason why not."""

import inspect
import os
import tempfile
import uuid

import mlflow
import numpy as np
from check_kit import called, check, client, new_run, newer, older, refused, unique
from mlflow import MlflowClient
from mlflow.entities import DatasetInput, InputTag

TRACES = "traces: their endpoints have a suite of their own"
WEBHOOKS = "webhooks: their endpoints have a suite of their own"
GENAI = "a GenAI endpoint that is not served: clients are told that there is none"
WORKSPACES = "workspaces are not served: there is one, `default`"
OUT_OF_SCOPE = {
    **dict.fromkeys(["delete_trace_tag", "delete_traces", "end_span", "end_trace", "get_trace", "search_traces", "set_trace_tag"], TRACES),
    **dict.fromkeys(["start_span", "start_trace", "link_traces_to_run", "unlink_traces_from_run", "link_prompt_versions_to_trace"], TRACES),
    **dict.fromkeys(["log_assessment", "update_assessment", "delete_assessment"], TRACES),
    **dict.fromkeys(["create_webhook", "delete_webhook", "get_webhook", "list_webhooks", "test_webhook", "update_webhook"], WEBHOOKS),
    **dict.fromkeys(["add_dataset_to_experiments", "create_dataset", "delete_dataset", "delete_dataset_tag", "get_dataset"], GENAI),
    **dict.fromkeys(["remove_dataset_from_experiments", "search_datasets", "set_dataset_tags"], GENAI),
    **dict.fromkeys(["create_workspace", "delete_workspace", "get_workspace", "list_workspaces", "update_workspace"], WORKSPACES),
    "get_workspace_store_uri": WORKSPACES,
    "log_model_artifact": "Databricks only",
    "log_model_artifacts": "Databricks only",
}


def methods():
    return {name for name, _ in inspect.getmembers(MlflowClient, inspect.isfunction) if not name.startswith("_")}


@check
def what_runs_used_and_made():
    run = new_run().info.run_id
    dataset = mlflow.data.from_numpy(np.zeros((3, 2)), name="zeros")
    client.log_inputs(run, [DatasetInput(dataset._to_mlflow_entity(), [InputTag("mlflow.data.context", "train")])])
    assert [each.dataset.name for each in client.get_run(run).inputs.dataset_inputs] == ["zeros"]
    experiment = client.create_experiment(unique("tagged"), tags={"a": "1"})
    if hasattr(MlflowClient, "delete_experiment_tag"):
        client.delete_experiment_tag(experiment, "a")
        refused("RESOURCE_DOES_NOT_EXIST", lambda: client.delete_experiment_tag(experiment, "a"))
        assert client.get_experiment(experiment).tags == {}


@newer
def logged_models_by_client():
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    run = new_run().info
    model = client.create_logged_model(run.experiment_id, "by hand", source_run_id=run.run_id, tags={"a": "b"}, params={"p": "1"}, model_type="x")
    client.log_model_params(model.model_id, {"q": "2"})
    client.set_logged_model_tags(model.model_id, {"c": "d"})
    client.delete_logged_model_tag(model.model_id, "a")
    client.log_outputs(run.run_id, [LoggedModelOutput(model.model_id, step=3)])
    assert str(client.finalize_logged_model(model.model_id, LoggedModelStatus.READY).status) == "READY"
    found = client.get_logged_model(model.model_id)
    assert found.params == {"p": "1", "q": "2"} and found.tags == {"c": "d"} and found.model_type == "x"
    assert [(o.model_id, o.step) for o in client.get_run(run.run_id).outputs.model_outputs] == [(model.model_id, 3)]
    assert [m.model_id for m in client.search_logged_models([run.experiment_id], filter_string="params.q = '2'")] == [model.model_id]


@check
def versions_by_client():
    run = new_run().info.run_id
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f"{folder}/model")
        with open(f"{folder}/model/MLmodel", "w") as file:
            file.write("flavors: {}\n")
        client.log_artifacts(run, f"{folder}/model", "model")
    name = unique("by client")
    client.create_registered_model(name)
    source = client.get_run(run).info.artifact_uri + "/model"
    version = client.create_model_version(name, source, run, tags={"a": "b"}, description="d")
    assert client.get_model_version_download_uri(name, version.version) == source
    assert client.get_model_version_stages(name, version.version) == ["None", "Staging", "Production", "Archived"]
    with tempfile.TemporaryDirectory() as target:
        assert os.listdir(mlflow.artifacts.download_artifacts(f"models:/{name}/1", dst_path=target))


@newer
def prompts_by_client():
    name = f"prompt-{uuid.uuid4().hex[:8]}"
    client.create_prompt(name, description="d", tags={"team": "air"})
    client.create_prompt_version(name, "Hello {{who}}", tags={"k": "v"})
    client.register_prompt(name, "Hi {{who}}", commit_message="second")
    assert client.get_prompt(name).description == "d"
    assert client.get_prompt_version(name, "1").template == "Hello {{who}}"
    client.set_prompt_alias(name, "live", 2)
    assert client.get_prompt_version_by_alias(name, "live").version == 2
    assert client.load_prompt(f"prompts:/{name}@live").template == "Hi {{who}}"
    assert client.parse_prompt_uri(f"prompts:/{name}/1") == (name, "1")
    client.delete_prompt_alias(name, "live")
    client.set_prompt_tag(name, "a", "b")
    client.delete_prompt_tag(name, "a")
    client.set_prompt_version_tag(name, "1", "c", "d")
    assert client.get_prompt_version(name, "1").tags["c"] == "d"
    client.delete_prompt_version_tag(name, "1", "c")
    assert name in [each.name for each in client.search_prompts(f"name = '{name}'")]
    assert {each.version for each in client.search_prompt_versions(name)} == {1, 2}
    run = new_run().info
    client.link_prompt_version_to_run(run.run_id, f"prompts:/{name}/1")
    assert name in client.get_run(run.run_id).data.tags["mlflow.linkedPrompts"]
    client.list_logged_prompts(run.run_id)  # knows only what old clients linked
    refused("INVALID_PARAMETER_VALUE", lambda: client.detach_prompt_from_run(run.run_id, f"prompts:/{name}/1"))
    model = client.create_logged_model(run.experiment_id, "prompted")
    client.link_prompt_version_to_model(name, "1", model.model_id)
    assert "mlflow.linkedPrompts" in client.get_logged_model(model.model_id).tags
    client.delete_prompt_version(name, "1")
    client.delete_prompt_version(name, "2")
    client.delete_prompt(name)
    assert client.search_prompts(f"name = '{name}'") == []


@older
def prompts_by_old_client():
    name = f"prompt-{uuid.uuid4().hex[:8]}"
    client.register_prompt(name, "Hello {{who}}", commit_message="first", tags={"k": "v"})
    client.register_prompt(name, "Hi {{who}}")
    assert client.load_prompt(f"prompts:/{name}/1").template == "Hello {{who}}"
    client.set_prompt_alias(name, "live", 2)
    assert client.load_prompt(f"prompts:/{name}@live").template == "Hi {{who}}"
    client.delete_prompt_alias(name, "live")
    assert client.parse_prompt_uri(f"prompts:/{name}/1") == (name, "1")
    run = new_run().info.run_id
    client.log_prompt(run, f"prompts:/{name}/1")
    assert [each.name for each in client.list_logged_prompts(run)] == [name]
    client.detach_prompt_from_run(run, f"prompts:/{name}/1")
    assert client.list_logged_prompts(run) == []
    client.delete_prompt(name, 2)
    assert "RESOURCE_DOES_NOT_EXIST" in refused("INTERNAL_ERROR", lambda: client.load_prompt(f"prompts:/{name}/2"))  # the client's own code


@check
def every_method_is_tried():
    if os.environ.get("MLFLOW_CHECKS_ALL") != "yes":
        return
    all_methods = methods()
    reasons = {name: GENAI if "mcp_" in name else OUT_OF_SCOPE[name] for name in all_methods if "mcp_" in name or name in OUT_OF_SCOPE}
    untried = all_methods - called - set(reasons)
    assert untried == set(), f"no check calls {sorted(untried)}"
    assert set(reasons) & called == set(), f"called after all: {sorted(set(reasons) & called)}"
