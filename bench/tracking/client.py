"""MLflow's own client against a server: milliseconds of each log_metric, seconds of a fit without and with autolog."""

import json
import os
import sys
import time

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

import mlflow
import numpy
from sklearn.linear_model import LogisticRegression

uri, calls, fits = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
mlflow.set_tracking_uri(uri)
mlflow.set_experiment(f"client {os.getpid()}")

log_metric_ms = []
with mlflow.start_run():
    for step in range(-10, calls):
        began = time.perf_counter()
        mlflow.log_metric("loss", 1.0 / (step + 11), step=step + 10)
        if step >= 0:
            log_metric_ms.append((time.perf_counter() - began) * 1000)

random = numpy.random.default_rng(1)
x, y = random.normal(size=(500, 8)), random.integers(0, 2, 500)


def seconds_of_fit():
    began = time.perf_counter()
    with mlflow.start_run() if logged else open(os.devnull):
        LogisticRegression().fit(x, y)
    return time.perf_counter() - began


logged = False
fit_s = [seconds_of_fit() for _ in range(fits + 1)][1:]
mlflow.sklearn.autolog(silent=True)
logged = True
log_s = [seconds_of_fit() for _ in range(fits + 1)][1:]
print(json.dumps({"log_metric_ms": log_metric_ms, "fit_s": fit_s, "log_s": log_s}))
