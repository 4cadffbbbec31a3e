"""What the checks of an MLflow client share. The environment is set before MLflow is imported."""

import os
import sys
import uuid

os.environ.update(
    MLFLOW_DISABLE_TELEMETRY="true",
    MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT="1",
    MLFLOW_HTTP_REQUEST_MAX_RETRIES="1",
    GIT_PYTHON_REFRESH="quiet",
    PATH=os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", ""),  # commands start others
)

import mlflow  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

NEWER = int(mlflow.__version__.split(".")[0]) >= 3
called = set()
checks = []


class Recorder:
    """The client, which notes what is called of it."""

    def __getattr__(self, name):
        called.add(name)
        return getattr(MlflowClient(), name)


client = Recorder()


def check(function):
    checks.append(function)
    return function


def newer(function):
    """A check of what only clients of 3.x can do."""
    if NEWER:
        return check(function)


def older(function):
    """A check of what only clients of 2.x can do."""
    if not NEWER:
        return check(function)


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


def named(name="model"):
    """Where `log_model` puts a model, as its generation says it."""
    return {"name": name} if NEWER else {"artifact_path": name}


def log_sklearn(model, frame, **given):
    if NEWER:
        given.setdefault("serialization_format", "cloudpickle")
    signature = mlflow.models.infer_signature(frame, model.predict(frame))
    return mlflow.sklearn.log_model(model, **named(), signature=signature, pip_requirements=["scikit-learn"], **given)
