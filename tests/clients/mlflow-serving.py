"""Models of MLflow's ONNX flavor, logged and registered by its client, that the tracking server itself serves: each prediction is held
against `mlflow.pyfunc`'s of the same version, or against onnxruntime's where pyfunc cannot ask the model.

Usage: python mlflow-serving.py <tracking URI>; prints one JSON line for each check. The server has the endpoints line, mixed, wide, cube,
bare and foreign, each of the model of its name at the alias champion.
"""

import json
import sys
import traceback

from check_kit import MlflowClient, check, checks, mlflow, np, pd

import onnxruntime
import requests
from mlflow.models import infer_signature
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

URI = sys.argv[1]
mlflow.set_tracking_uri(URI)
mlflow.set_experiment("served")
client = MlflowClient()
random = np.random.default_rng(7)
TABLE = pd.DataFrame(random.normal(size=(60, 3)), columns=["a", "b", "c"])


def register(name, model, signature=None, **given):
    """The number of the new version."""
    with mlflow.start_run():
        mlflow.onnx.log_model(model, artifact_path="model", registered_model_name=name, signature=signature, pip_requirements=["onnxruntime"], **given)
    return max(int(version.version) for version in client.search_model_versions(f"name = '{name}'"))


def champion(name, version):
    client.set_registered_model_alias(name, "champion", version)


def post(name, body, content_type="application/json"):
    data = body if isinstance(body, str) else json.dumps(body)
    return requests.post(f"{URI}/endpoints/{name}/invocations", data=data, headers={"Content-Type": content_type}, timeout=60)


def predictions(name, body, content_type="application/json"):
    response = post(name, body, content_type)
    assert response.status_code == 200, response.text
    return response.json()["predictions"]


def infer(name, inputs, **more):
    response = requests.post(f"{URI}/v2/models/{name}/infer", json={"inputs": inputs, **more}, timeout=60)
    assert response.status_code == 200, response.text
    return response.json()


def refusal(response, status, *words):
    assert response.status_code == status, response.text
    for word in words:
        assert word in response.text, (word, response.text)


def pyfunc(name):
    return mlflow.pyfunc.load_model(f"models:/{name}@champion")


def same(actual, expected):
    np.testing.assert_allclose(np.asarray(actual, dtype=float), np.asarray(expected, dtype=float), rtol=1e-6)


def fitted_line(factor):
    y = TABLE.to_numpy() @ np.array([factor, -2.0, 0.5])
    model = LinearRegression().fit(TABLE, y)
    return to_onnx(model, TABLE.to_numpy(np.float32)[:1]), infer_signature(TABLE, model.predict(TABLE))


@check
def a_table_of_columns_in_every_form():
    champion("line", register("line", *fitted_line(3.0)))
    asked = TABLE[:4]
    expected = pyfunc("line").predict(asked)
    assert list(expected.columns) == ["variable"], expected
    shuffled = asked[["c", "a", "b"]].assign(unknown=1.0)
    for body in [
        {"dataframe_split": asked.to_dict(orient="split")},
        {"dataframe_split": shuffled.to_dict(orient="split")},
        {"dataframe_records": shuffled.to_dict(orient="records")},
        {"inputs": {name: list(asked[name]) for name in asked}},
        {"instances": asked.to_dict(orient="records")},
        {"inputs": asked.to_numpy().tolist()},
    ]:
        found = predictions("line", body)
        assert [list(row) for row in found] == [["variable"]] * 4, found
        same([row["variable"] for row in found], expected["variable"])
    same([row["variable"] for row in predictions("line", asked.to_csv(index=False), "text/csv")], expected["variable"])


@check
def wrong_columns_are_refused_by_name():
    refusal(post("line", {"dataframe_records": [{"a": 1.0, "b": 2.0}]}), 400, "line v", "column c", "missing")
    refusal(post("line", {"dataframe_records": [{"a": 1.0, "b": "x", "c": 2.0}]}), 400, "Column b", "number", "row 0")
    refusal(post("line", {"inputs": [[1.0, 2.0]]}), 400, "Row 0", "a, b, c")
    refusal(post("line", "{}"), 400, "no rows")
    refusal(post("line", "a", "text/plain"), 415, "text/csv")


@check
def an_alias_that_moves_is_followed_at_once():
    before = predictions("line", {"dataframe_records": TABLE[:2].to_dict(orient="records")})
    second = register("line", *fitted_line(30.0))
    assert predictions("line", {"dataframe_records": TABLE[:2].to_dict(orient="records")}) == before
    champion("line", second)
    after = predictions("line", {"dataframe_records": TABLE[:2].to_dict(orient="records")})
    assert after != before
    same([row["variable"] for row in after], pyfunc("line").predict(TABLE[:2])["variable"])
    served = requests.get(f"{URI}/v2/models/line", timeout=60).json()
    assert served["versions"] == [str(second)], served
    assert [(each["name"], each["datatype"]) for each in served["inputs"]] == [("a", "FP64"), ("b", "FP64"), ("c", "FP64")], served


@check
def open_inference_takes_columns_and_the_model_s_own_tensors():
    expected = pyfunc("line").predict(TABLE[:3])["variable"]
    columns = [{"name": name, "datatype": "FP64", "shape": [3], "data": list(TABLE[name][:3])} for name in TABLE]
    answer = infer("line", columns, id="q1")
    assert (answer["id"], answer["model_name"], answer["outputs"][0]["shape"]) == ("q1", "line", [3, 1]), answer
    same(answer["outputs"][0]["data"], expected)
    matrix = {"name": "X", "datatype": "FP32", "shape": [3, 3], "data": TABLE[:3].to_numpy(np.float32).ravel().tolist()}
    same(infer("line", [matrix])["outputs"][0]["data"], expected)
    wrong = requests.post(f"{URI}/v2/models/line/infer", json={"inputs": [{**matrix, "shape": [1, 9]}]}, timeout=60)
    refusal(wrong, 400, "[any, 3]", "[1, 9]")


def mixed_model():
    table = pd.DataFrame({"town": ["Bonn", "Kiel"] * 30, "age": TABLE["a"], "size": TABLE["b"]})
    late = (table["age"] + (table["town"] == "Bonn") > 0.5).map({True: "late", False: "in time"})
    model = make_pipeline(
        ColumnTransformer([("town", OneHotEncoder(), ["town"]), ("numbers", "passthrough", ["age", "size"])]), LogisticRegression()
    ).fit(table, late)
    return to_onnx(model, table.astype({"age": np.float32, "size": np.float32})[:1], options={"zipmap": False}), table


@check
def columns_of_several_types_go_to_an_input_each():
    model, table = mixed_model()
    champion("mixed", register("mixed", model, infer_signature(table, np.array(["late"]))))
    asked = table[:5]
    feeds = {"town": asked[["town"]].to_numpy(), "age": asked[["age"]].to_numpy(np.float32), "size": asked[["size"]].to_numpy(np.float32)}
    session = onnxruntime.InferenceSession(model.SerializeToString())
    label, chance = [output.name for output in session.get_outputs()]
    labels, chances = session.run(None, feeds)
    found = predictions("mixed", {"dataframe_split": asked.to_dict(orient="split")})
    assert [row[label] for row in found] == labels.tolist(), found
    same([row[chance] for row in found], chances)
    csv = predictions("mixed", asked.to_csv(index=False), "text/csv")
    assert csv == found, (csv, found)
    tensors = [{"name": name, "datatype": kind, "shape": [5], "data": list(asked[name])} for name, kind in [("town", "BYTES"), ("age", "FP32"), ("size", "FP32")]]
    outputs = {each["name"]: each for each in infer("mixed", tensors)["outputs"]}
    assert outputs[label]["data"] == labels.tolist(), outputs
    assert outputs[chance]["shape"] == [5, 2], outputs


def wide_model():
    """Weights that MLflow's client keeps in a file of their own beside the model."""
    weights = random.normal(size=(4, 500)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"]), helper.make_node("ArgMax", ["h"], ["best"], axis=1)],
        "wide",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 500]), helper.make_tensor_value_info("best", TensorProto.INT64, ["rows", 1])],
        [numpy_helper.from_array(weights, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@check
def a_signature_of_one_tensor_with_weights_in_another_file():
    asked = random.normal(size=(3, 4)).astype(np.float32)
    version = register("wide", wide_model(), infer_signature(asked, asked))
    champion("wide", version)
    files = {file.path.split("/")[-1] for file in mlflow.artifacts.list_artifacts(artifact_uri=f"models:/wide/{version}")}
    beside = files - {"MLmodel", "model.onnx", "conda.yaml", "python_env.yaml", "requirements.txt", "registered_model_meta"}
    assert len(beside) == 1, files
    expected = pyfunc("wide").predict(asked)
    for body in [{"inputs": asked.tolist()}, {"instances": asked.tolist()}]:
        found = predictions("wide", body)
        assert sorted(found) == ["best", "y"], found.keys()
        same(found["y"], expected["y"])
        assert found["best"] == expected["best"].tolist()
    table = pd.DataFrame(asked)
    same(predictions("wide", {"dataframe_split": table.to_dict(orient="split") | {"columns": ["0", "1", "2", "3"]}})["y"], expected["y"])
    refusal(post("wide", {"inputs": [[1.0, 2.0]]}), 400, "[any, 4]", "[1, 2]")
    refusal(post("wide", {"inputs": [[1.0, 2.0, 3.0, 4.0], [1.0]]}), 400, "not all of one length")


def cube_model():
    graph = helper.make_graph(
        [helper.make_node("ReduceSum", ["cube", "axes"], ["sums"], keepdims=0), helper.make_node("Mul", ["count", "two"], ["twice"])],
        "cube",
        [helper.make_tensor_value_info("cube", TensorProto.DOUBLE, ["rows", 2, 3]), helper.make_tensor_value_info("count", TensorProto.INT64, ["rows"])],
        [helper.make_tensor_value_info("sums", TensorProto.DOUBLE, ["rows", 3]), helper.make_tensor_value_info("twice", TensorProto.INT64, ["rows"])],
        [numpy_helper.from_array(np.array([1]), "axes"), numpy_helper.from_array(np.array([2]), "two")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@check
def tensors_by_name_with_more_dimensions():
    asked = {"cube": np.arange(12, dtype=np.float64).reshape(2, 2, 3), "count": np.array([5, 7])}
    champion("cube", register("cube", cube_model(), infer_signature(asked)))
    expected = pyfunc("cube").predict(asked)
    found = predictions("cube", {"inputs": {name: value.tolist() for name, value in asked.items()}})
    assert found == {name: value.tolist() for name, value in expected.items()}, (found, expected)
    rows = [{"cube": asked["cube"][i].tolist(), "count": int(asked["count"][i])} for i in range(2)]
    assert predictions("cube", {"instances": rows}) == found
    answer = infer("cube", [{"name": "cube", "datatype": "FP64", "shape": [2, 2, 3], "data": asked["cube"].ravel().tolist()}, {"name": "count", "datatype": "INT64", "shape": [2], "data": [5, 7]}], outputs=[{"name": "twice"}])
    assert [(each["name"], each["datatype"], each["data"]) for each in answer["outputs"]] == [("twice", "INT64", [10, 14])], answer
    refusal(post("cube", {"inputs": {"cube": asked["cube"].tolist()}}), 400, "count", "missing")


@check
def a_model_without_a_signature():
    model, _ = fitted_line(1.0)
    champion("bare", register("bare", model))
    asked = TABLE[:3]
    expected = pyfunc("bare").predict(asked)["variable"]
    same([row["variable"] for row in predictions("bare", {"dataframe_split": asked.to_dict(orient="split")})], expected)
    same(predictions("bare", {"inputs": asked.to_numpy().tolist()})["variable"], expected.to_numpy().reshape(-1, 1))


@check
def versions_without_onnx_say_which_flavors_they_have():
    with mlflow.start_run():
        mlflow.sklearn.log_model(LinearRegression().fit(TABLE, TABLE["a"]), artifact_path="model", registered_model_name="foreign", pip_requirements=["scikit-learn"])
    champion("foreign", 1)
    refusal(post("foreign", {"inputs": [[1.0, 2.0, 3.0]]}), 501, "no ONNX flavor", "python_function, sklearn", "mlflow.onnx.log_model")
    # Where an endpoint is at work it goes on with the version that it has.
    before = predictions("line", {"dataframe_records": TABLE[:2].to_dict(orient="records")})
    standing = client.get_model_version_by_alias("line", "champion").version
    with mlflow.start_run():
        mlflow.sklearn.log_model(LinearRegression().fit(TABLE, TABLE["a"]), artifact_path="model", registered_model_name="line", pip_requirements=["scikit-learn"])
    champion("line", int(standing) + 1)
    assert predictions("line", {"dataframe_records": TABLE[:2].to_dict(orient="records")}) == before
    shown = requests.get(f"{URI}/api/endpoints/line", timeout=60).json()
    assert shown["version"] == int(standing) and "no ONNX flavor" in shown["problem"], shown
    champion("line", standing)
    assert requests.get(f"{URI}/api/endpoints/line", timeout=60).json()["problem"] is None


@check
def a_renamed_model_is_served_on_and_a_served_one_is_not_deleted():
    asked = {"dataframe_records": TABLE[:2].to_dict(orient="records")}
    before = predictions("line", asked)
    renamed = requests.post(f"{URI}/api/models/line/rename", json={"newName": "Lines, all"}, timeout=60).json()
    assert [(each["name"], each["follows"]) for each in renamed["endpoints"]] == [("line", "line@champion")], renamed
    assert predictions("line", asked) == before
    assert client.get_model_version_by_alias("Lines, all", "champion").name == "Lines, all"
    same([row["variable"] for row in before], pyfunc("Lines, all").predict(TABLE[:2])["variable"])
    champion("Lines, all", 1)  # followed by the name that the project's code says
    assert predictions("line", asked) != before
    refusal(requests.delete(f"{URI}/api/models/Lines, all", timeout=60), 409, "endpoint line answers with version 1")
    plan = requests.delete(f"{URI}/api/models/Lines, all", params={"dryRun": "true"}, timeout=60).json()
    assert (plan["deleted"], plan["aliases"], plan["versions"]) == (False, {"champion": 1}, [1, 2, 3]), plan
    gone = requests.delete(f"{URI}/api/models/Lines, all/versions/3", timeout=60).json()
    assert gone["deleted"] and gone["versions"] == [3], gone
    assert requests.delete(f"{URI}/api/models/bare", params={"force": "true"}, timeout=60).json()["deleted"]
    assert not client.search_registered_models("name = 'bare'")
    assert predictions("bare", asked), "an endpoint at work goes on with what it has loaded"


for function in checks:
    error = None
    try:
        function()
    except BaseException:
        error = traceback.format_exc()
    print("CHECK " + json.dumps({"name": function.__name__, "error": error}), flush=True)
