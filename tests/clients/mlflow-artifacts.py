"""What a client does with large files: prints one line of JSON with what it found. Arguments: server, folder, what to do."""

import hashlib
import json
import os
import random
import sys

import mlflow
import requests

uri, folder, *steps = sys.argv[1:]
mlflow.set_tracking_uri(uri)
client = mlflow.MlflowClient()


def large_file(name, size=12_000_000, seed=1):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(random.Random(seed).randbytes(size))
    return path


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def round_trip():
    """A large and a small file of a run, sent and fetched."""
    large, small = large_file("large.bin"), large_file("small.bin", 1_000)
    with mlflow.start_run() as run:
        mlflow.log_artifact(large, "deep/er")
        mlflow.log_artifact(small)
    listed = [(file.path, file.file_size) for file in client.list_artifacts(run.info.run_id, "deep/er")]
    fetched = client.download_artifacts(run.info.run_id, "deep/er/large.bin", os.path.join(folder))
    again = client.download_artifacts(run.info.run_id, "small.bin", os.path.join(folder))
    return {"run": run.info.run_id, "listed": listed, "same": digest(fetched) == digest(large) and digest(again) == digest(small)}


def model():
    """A model of 12 MB, logged, registered, loaded again."""

    class Model(mlflow.pyfunc.PythonModel):
        def __init__(self):
            self.weights = random.Random(2).randbytes(12_000_000)

        def predict(self, context, model_input, params=None):
            return [hashlib.sha256(self.weights).hexdigest()]

    place = {"artifact_path": "model"} if mlflow.__version__.startswith("2.") else {"name": "model"}
    with mlflow.start_run():
        info = mlflow.pyfunc.log_model(python_model=Model(), pip_requirements=[], **place)
    name = f"large-{mlflow.__version__.replace('.', '-')}"
    version = mlflow.register_model(info.model_uri, name)
    loaded = mlflow.pyfunc.load_model(f"models:/{name}/{version.version}")
    said = loaded.predict([1])[0]
    return {"name": name, "version": int(version.version), "same": said == hashlib.sha256(random.Random(2).randbytes(12_000_000)).hexdigest()}


def broken():
    """A part that does not arrive: the client gives up and says so to the server."""
    put, calls = requests.put, []

    def failing(url, **options):
        calls.append(url)
        if "partNumber=2" in url:
            raise requests.ConnectionError("the line is cut")
        return put(url, **options)

    requests.put = failing
    try:
        with mlflow.start_run() as run:
            try:
                mlflow.log_artifact(large_file("broken.bin", seed=3))
                failed = False
            except Exception:
                failed = True
    finally:
        requests.put = put
    return {"failed": failed, "parts": len(calls), "listed": [file.path for file in client.list_artifacts(run.info.run_id)]}


print("FOUND " + json.dumps({step: globals()[step]() for step in steps}))
