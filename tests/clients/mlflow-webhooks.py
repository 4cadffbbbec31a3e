"""Webhooks as MLflow's client of 3.17.2 makes them, and a receiver that verifies what comes, as MLflow's documentation says.

Usage: python mlflow-webhooks.py; prints `RECEIVER <port>`, reads the tracking URI from a line of input, then prints one JSON line for
each check. Every check holds of `mlflow server` with MLFLOW_WEBHOOK_ALLOWED_SCHEMES=http,https, MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS=true and
MLFLOW_WEBHOOK_CACHE_TTL=0.
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import queue
import sys
import threading
import time
import traceback
import uuid

SECRET = "sésame, open"
received = queue.Queue()
answers = []


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode("utf-8")
        status = answers.pop(0) if answers else 200
        received.put((self.path, dict(self.headers), body, status))
        self.send_response(status)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"fine")

    def log_message(self, *_):
        pass


receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()
print(f"RECEIVER {receiver.server_port}", flush=True)

os.environ.update(
    MLFLOW_TRACKING_URI=sys.stdin.readline().strip(),
    MLFLOW_DISABLE_TELEMETRY="true",
    MLFLOW_HTTP_REQUEST_MAX_RETRIES="1",
    GIT_PYTHON_REFRESH="quiet",
)

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities.webhook import WebhookEvent, WebhookStatus  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

client = MlflowClient()
checks = []
URL = f"http://127.0.0.1:{receiver.server_port}"


def check(function):
    checks.append(function)
    return function


def unique(what):
    return f"{what}-{uuid.uuid4().hex[:10]}"


def refused(code, work):
    try:
        work()
    except MlflowException as error:
        assert error.error_code == code, (error.error_code, str(error))
        return
    raise AssertionError(f"was not refused with {code}")


def verified(message, secret=SECRET):
    """Checks a message as MLflow's documentation tells receivers to, and gives what it says."""
    _, headers, body, _ = message
    timestamp = headers["X-MLflow-Timestamp"]
    assert abs(time.time() - int(timestamp)) < 300, timestamp
    signed = f"{headers['X-MLflow-Delivery-Id']}.{timestamp}.{body}".encode()
    expected = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    assert hmac.compare_digest(headers["X-MLflow-Signature"], f"v1,{expected}")
    assert headers["Content-Type"] == "application/json"
    return json.loads(body)


def wait_for(path, count):
    messages = []
    deadline = time.time() + 30
    while len(messages) < count:
        message = received.get(timeout=max(0.1, deadline - time.time()))
        if message[0] == path:
            messages.append(message)
    return messages


@check
def webhooks_are_made_listed_changed_and_deleted():
    name = unique("ci")
    made = client.create_webhook(name, f"{URL}/a", ["registered_model.created", "model_version.created"], description="d", secret=SECRET)
    assert (made.name, made.url, made.description, made.status) == (name, f"{URL}/a", "d", WebhookStatus.ACTIVE)
    assert {str(event) for event in made.events} == {"registered_model.created", "model_version.created"}
    assert made.secret is None
    assert made.creation_timestamp == made.last_updated_timestamp
    got = client.get_webhook(made.webhook_id)
    assert (got.name, got.events, got.secret) == (made.name, made.events, None)
    changed = client.update_webhook(
        made.webhook_id, name=f"{name}-2", url=f"{URL}/b", events=[WebhookEvent("prompt", "created")], status=WebhookStatus.DISABLED
    )
    assert (changed.name, changed.url, changed.status, changed.description) == (f"{name}-2", f"{URL}/b", WebhookStatus.DISABLED, "d")
    assert [str(event) for event in changed.events] == ["prompt.created"]
    others = [client.create_webhook(unique("more"), URL, ["prompt.created"]).webhook_id for _ in range(3)]
    listed, token = [], None
    while True:
        page = client.list_webhooks(max_results=2, page_token=token)
        listed += [webhook.webhook_id for webhook in page]
        token = page.token
        if not token:
            break
    assert listed[:4] == [*reversed(others), made.webhook_id], listed
    for webhook in listed[:4]:
        client.delete_webhook(webhook)
        refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_webhook(webhook))  # noqa: B023
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.delete_webhook(made.webhook_id))


@check
def bad_webhooks_are_refused():
    for name, url in [("-x", URL), ("x" * 64, URL), ("ok", "ftp://example.com"), ("ok", "https://"), ("ok", "no url")]:
        refused("INVALID_PARAMETER_VALUE", lambda: client.create_webhook(name, url, ["prompt.created"]))  # noqa: B023


@check
def webhooks_are_tested():
    webhook = client.create_webhook(unique("ci"), f"{URL}/tested", ["model_version_tag.set"], secret=SECRET)
    result = client.test_webhook(webhook.webhook_id)
    assert (result.success, result.response_status, result.response_body, result.error_message) == (True, 200, "fine", None), vars(result)
    assert verified(wait_for("/tested", 1)[0]) | {"timestamp": ""} == {
        "entity": "model_version_tag",
        "action": "set",
        "timestamp": "",
        "data": {"name": "example_model", "version": "1", "key": "example_key", "value": "example_value"},
    }
    assert client.test_webhook(webhook.webhook_id, "registered_model.created").success
    assert verified(wait_for("/tested", 1)[0])["data"]["description"] == "An example registered model"
    answers.append(404)
    result = client.test_webhook(webhook.webhook_id)
    assert (result.success, result.response_status) == (False, 404), vars(result)
    wait_for("/tested", 1)
    client.update_webhook(webhook.webhook_id, secret="another")
    client.test_webhook(webhook.webhook_id)
    verified(wait_for("/tested", 1)[0], "another")
    client.delete_webhook(webhook.webhook_id)


@check
def the_registry_tells_what_happens():
    events = ["registered_model.created", "model_version.created", "model_version_tag.set", "model_version_tag.deleted"]
    webhook = client.create_webhook(
        unique("ci"), f"{URL}/told", [*events, "model_version_alias.created", "model_version_alias.deleted"], secret=SECRET
    )
    name = unique("model")
    run = client.create_run(client.create_experiment(unique("experiment"))).info.run_id
    with mlflow.start_run(run):
        mlflow.log_text("x", "model/MLmodel")
    client.create_registered_model(name, tags={"a": "b"}, description="what it is")
    client.create_model_version(name, f"runs:/{run}/model", run, tags={"k": "v"}, description="first")
    client.set_model_version_tag(name, "1", "checked", "yes")
    client.delete_model_version_tag(name, "1", "checked")
    client.set_registered_model_alias(name, "champion", "1")
    client.delete_registered_model_alias(name, "champion")
    messages = [verified(message) for message in wait_for("/told", 6)]
    told = {f"{message['entity']}.{message['action']}": message["data"] for message in messages}
    version = told["model_version.created"]
    assert version.pop("source").endswith("/model"), version
    assert told == {
        "registered_model.created": {"name": name, "tags": {"a": "b"}, "description": "what it is"},
        "model_version.created": {"name": name, "version": "1", "run_id": run, "tags": {"k": "v"}, "description": "first"},
        "model_version_tag.set": {"name": name, "version": "1", "key": "checked", "value": "yes"},
        "model_version_tag.deleted": {"name": name, "version": "1", "key": "checked"},
        "model_version_alias.created": {"name": name, "alias": "champion", "version": "1"},
        "model_version_alias.deleted": {"name": name, "alias": "champion"},
    }
    client.delete_webhook(webhook.webhook_id)


@check
def prompts_have_events_of_their_own():
    events = ["prompt.created", "prompt_version.created", "prompt_alias.created", "registered_model.created", "model_version.created"]
    webhook = client.create_webhook(unique("ci"), f"{URL}/prompts", events)
    name = unique("prompt")
    client.register_prompt(name, "Hello {{name}}", commit_message="first", tags={"t": "1"})
    client.set_prompt_alias(name, "best", 1)
    messages = wait_for("/prompts", 3)
    assert all("X-MLflow-Signature" not in headers for _, headers, _, _ in messages)
    told = {f"{message['entity']}.{message['action']}": message["data"] for message in (json.loads(body) for _, _, body, _ in messages)}
    assert set(told) == {"prompt.created", "prompt_version.created", "prompt_alias.created"}, told
    assert told["prompt_version.created"]["template"] == "Hello {{name}}", told
    assert told["prompt_alias.created"] == {"name": name, "alias": "best", "version": "1"}
    client.delete_webhook(webhook.webhook_id)


@check
def messages_are_sent_again_until_they_are_taken():
    webhook = client.create_webhook(unique("ci"), f"{URL}/again", ["registered_model.created"], secret=SECRET)
    answers.extend([503])
    client.create_registered_model(unique("model"))
    first, second = wait_for("/again", 2)
    assert (first[3], second[3]) == (503, 200)
    assert first[1]["X-MLflow-Delivery-Id"] == second[1]["X-MLflow-Delivery-Id"]
    assert verified(first) == verified(second)
    client.delete_webhook(webhook.webhook_id)


for function in checks:
    error = None
    try:
        function()
    except BaseException:
        error = traceback.format_exc()
    print("CHECK " + json.dumps({"name": function.__name__, "error": error}), flush=True)
