"""Models of other libraries: logged, loaded and trained under autolog."""

import mlflow
import numpy as np
from check_kit import check, client, fitted, named, unique, wine


def reloaded(info, run):
    """Predictions of a model under each address it has."""
    for uri in (info.model_uri, f"runs:/{run.info.run_id}/model"):
        yield mlflow.pyfunc.load_model(uri)


@check
def models_of_xgboost():
    import xgboost

    mlflow.set_experiment(unique("xgboost"))
    frame, target = wine()
    model = xgboost.XGBClassifier(n_estimators=3).fit(frame, target)
    with mlflow.start_run() as run:
        info = mlflow.xgboost.log_model(model, **named(), pip_requirements=["xgboost"])
    for loaded in reloaded(info, run):
        assert list(loaded.predict(frame)) == list(model.predict(frame))
    assert list(mlflow.xgboost.load_model(info.model_uri).predict(frame)) == list(model.predict(frame))


@check
def autolog_of_xgboost():
    import xgboost

    mlflow.set_experiment(unique("xgboost autolog"))
    frame, target = wine()
    mlflow.xgboost.autolog()
    try:
        with mlflow.start_run() as run:
            data = xgboost.DMatrix(frame, target)
            model = xgboost.train({"objective": "binary:logistic"}, data, 4, evals=[(data, "train")], verbose_eval=False)
    finally:
        mlflow.xgboost.autolog(disable=True)
    assert len(client.get_metric_history(run.info.run_id, "train-logloss")) == 4
    assert client.get_run(run.info.run_id).data.params["objective"] == "binary:logistic"
    loaded = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model").predict(frame)
    assert np.allclose(loaded, model.predict(data))


@check
def models_of_lightgbm():
    import lightgbm

    mlflow.set_experiment(unique("lightgbm"))
    frame, target = wine()
    model = lightgbm.LGBMClassifier(n_estimators=3, verbosity=-1).fit(frame, target)
    with mlflow.start_run() as run:
        info = mlflow.lightgbm.log_model(model, **named(), pip_requirements=["lightgbm"])
    for loaded in reloaded(info, run):
        assert list(loaded.predict(frame)) == list(model.predict(frame))
    assert list(mlflow.lightgbm.load_model(info.model_uri).predict(frame)) == list(model.predict(frame))


@check
def models_of_onnx():
    from skl2onnx import to_onnx

    mlflow.set_experiment(unique("onnx"))
    model, frame, _ = fitted()
    values = frame.to_numpy(np.float32)
    with mlflow.start_run() as run:
        info = mlflow.onnx.log_model(to_onnx(model, values[:1]), **named(), pip_requirements=["onnxruntime"])
    for loaded in reloaded(info, run):
        assert list(loaded.predict(values)["output_label"]) == list(model.predict(values))
    assert mlflow.onnx.load_model(info.model_uri).graph.input
