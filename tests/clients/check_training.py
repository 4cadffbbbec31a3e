"""Autolog and evaluation."""


import mlflow
import numpy as np
from check_kit import NEWER, check, client, fitted, log_sklearn, unique, wine


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
