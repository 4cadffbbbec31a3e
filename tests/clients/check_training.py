"""Autolog and evaluation."""


import mlflow
import numpy as np
import pandas as pd
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

    def worst(predictions, targets, metrics):
        return float(np.max(np.abs(predictions - targets)))

    def notes(eval_df, builtin_metrics, artifacts_dir):
        return {"notes": {"rows": len(eval_df)}, "first": eval_df.head(2)}

    with mlflow.start_run() as run:
        info = log_sklearn(model, frame)
        result = evaluate(
            info.model_uri,
            data,
            targets="target",
            model_type="classifier",
            extra_metrics=[mlflow.metrics.make_metric(eval_fn=worst, greater_is_better=False)],
            custom_artifacts=[notes],
            evaluator_config={"log_model_explainability": False},
        )
    metrics = client.get_run(run.info.run_id).data.metrics
    assert metrics["accuracy_score"] == result.metrics["accuracy_score"] and metrics["worst"] == result.metrics["worst"]
    paths = [f.path for f in client.list_artifacts(run.info.run_id)]
    assert {"confusion_matrix.png", "roc_curve_plot.png", "notes.json", "first.csv"} <= set(paths), paths
    assert mlflow.artifacts.load_dict(f"runs:/{run.info.run_id}/notes.json") == {"rows": 60}
    assert result.artifacts["notes"].content == {"rows": 60} and len(result.artifacts["first"].content) == 2
    assert client.get_run(run.info.run_id).inputs.dataset_inputs


@check
def evaluation_of_predictions():
    mlflow.set_experiment(unique("evaluate predictions"))
    data = pd.DataFrame({"inputs": [7.0, 8.0], "truth": [1.0, 2.0], "said": [1.5, 2.0]})
    dataset = mlflow.data.from_pandas(data, targets="truth", predictions="said", name="said")
    evaluate = mlflow.models.evaluate if NEWER else mlflow.evaluate
    with mlflow.start_run() as run:
        result = evaluate(data=dataset, model_type="regressor", evaluators="default")
    metrics = client.get_run(run.info.run_id).data.metrics
    assert metrics["mean_absolute_error"] == result.metrics["mean_absolute_error"] == 0.25
    assert [each.dataset.name for each in client.get_run(run.info.run_id).inputs.dataset_inputs] == ["said"]
