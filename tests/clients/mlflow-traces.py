"""What MLflow's clients do with traces, as checks: each prints one JSON line with its name and what went wrong, if anything.

Usage: python mlflow-traces.py <tracking URI> [name ...]. Written from MLflow's documentation; every check holds of `mlflow server`.
Checks whose names begin with `newer_` are of what clients have from 3.0 on.
"""

import json
import os
import sys
import threading
import time
import traceback
import uuid

os.environ.update(
    MLFLOW_TRACKING_URI=sys.argv[1],
    MLFLOW_DISABLE_TELEMETRY="true",
    MLFLOW_HTTP_REQUEST_MAX_RETRIES="1",
    GIT_PYTHON_REFRESH="quiet",
)

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import SpanEvent, SpanType  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

NEWER = int(mlflow.__version__.split(".")[0]) >= 3
client = MlflowClient()
checks = []


def check(function):
    checks.append(function)
    return function


def refused(code, work):
    try:
        work()
    except MlflowException as error:
        assert error.error_code == code, (error.error_code, str(error))
        return str(error)
    raise AssertionError(f"was not refused with {code}")


def new_experiment():
    return mlflow.set_experiment(f"traces {uuid.uuid4().hex[:10]}").experiment_id


def sent():
    """All traces are with the server."""
    if NEWER:
        mlflow.flush_trace_async_logging()


def last_trace():
    sent()
    if NEWER:
        return mlflow.get_trace(mlflow.get_last_active_trace_id())
    return client.get_trace(mlflow.get_last_active_trace_id())


def search(experiment, filter=None, **given):
    where = {"locations": [experiment]} if NEWER else {"experiment_ids": [experiment]}
    return client.search_traces(**where, filter_string=filter, **given)


def names(experiment, filter=None, **given):
    return [trace.info.tags.get("mlflow.traceName") for trace in search(experiment, filter, **given)]


def run_named(name, seconds=0.0, fail=False, **given):
    """One trace with one span."""
    try:
        with mlflow.start_span(name, **given) as span:
            span.set_inputs({"question": name})
            if NEWER and seconds:
                time.sleep(seconds)
            if fail:
                raise ValueError("as planned")
            span.set_outputs({"answer": name.upper()})
    except ValueError:
        pass
    return span


@check
def functions_are_traced():
    experiment = new_experiment()

    @mlflow.trace(span_type=SpanType.TOOL, attributes={"whole": 7, "half": 0.5, "list": [1, "a"], "nested": {"a": None}})
    def inner(text):
        return [text, 2, None]

    @mlflow.trace(name="outer function")
    def outer(text, times=2):
        return {"said": inner(text) * times}

    assert outer("héllo \U0001f980") == {"said": ["héllo \U0001f980", 2, None] * 2}
    trace = last_trace()
    assert trace.info.experiment_id == experiment
    assert trace.info.status == "OK", trace.info.status
    assert trace.info.tags["mlflow.traceName"] == "outer function"
    root, child = trace.data.spans
    assert (root.name, root.parent_id, child.parent_id) == ("outer function", None, root.span_id)
    assert root.inputs == {"text": "héllo \U0001f980", "times": 2}
    assert child.outputs == ["héllo \U0001f980", 2, None] and child.span_type == "TOOL"
    assert child.attributes["whole"] == 7 and child.attributes["half"] == 0.5
    assert child.attributes["list"] == [1, "a"] and child.attributes["nested"] == {"a": None}
    assert root.start_time_ns <= child.start_time_ns <= child.end_time_ns <= root.end_time_ns
    assert root.status.status_code == "OK"


@check
def failures_are_told():
    experiment = new_experiment()

    @mlflow.trace
    def fails():
        raise KeyError("as planned")

    try:
        fails()
    except KeyError:
        pass
    trace = last_trace()
    assert trace.info.status == "ERROR", trace.info.status
    (span,) = trace.data.spans
    assert span.status.status_code == "ERROR" and "as planned" in span.status.description
    (event,) = span.events
    assert event.name == "exception" and event.attributes["exception.type"] == "KeyError"
    assert len(search(experiment, "status = 'ERROR'")) == 1 and len(search(experiment, "status = 'OK'")) == 0


@check
def spans_are_made_by_hand():
    new_experiment()
    with mlflow.start_span("parent", attributes={"a": 1}) as parent:
        parent.set_inputs([1, 2])
        for i in range(3):
            with mlflow.start_span(f"child {i}", span_type=SpanType.LLM) as child:
                child.set_attributes({"model": "m", "tokens": 12, "big": 2**60, "flag": True})
                child.add_event(SpanEvent("retry", attributes={"try": i, "why": "late"}))
        parent.set_outputs("done")
    trace = last_trace()
    assert len(trace.data.spans) == 4
    children = [span for span in trace.data.spans if span.parent_id == parent.span_id]
    assert sorted(span.name for span in children) == ["child 0", "child 1", "child 2"]
    first = next(span for span in children if span.name == "child 0")
    assert first.attributes["big"] == 2**60 and first.attributes["flag"] is True
    assert first.events[0].attributes["why"] == "late"
    root = next(span for span in trace.data.spans if span.parent_id is None)
    assert root.inputs == [1, 2] and root.outputs == "done"


@check
def spans_are_started_and_ended_by_the_client():
    experiment = new_experiment()
    if NEWER:
        root = mlflow.start_span_no_context("root", inputs={"x": 1}, tags={"by": "hand"})
        child = mlflow.start_span_no_context("child", parent_span=root)
        child.end(outputs={"y": 2})
        root.end(outputs={"z": 3})
        trace_id = root.trace_id
    else:
        root = client.start_trace("root", inputs={"x": 1}, tags={"by": "hand"})
        trace_id = root.request_id
        child = client.start_span("child", trace_id, root.span_id)
        client.end_span(trace_id, child.span_id, outputs={"y": 2})
        client.end_trace(trace_id, outputs={"z": 3})
    sent()
    trace = client.get_trace(trace_id)
    assert trace.info.tags["by"] == "hand" and trace.info.experiment_id == experiment
    assert [span.name for span in trace.data.spans] == ["root", "child"]
    assert trace.data.spans[1].outputs == {"y": 2}


@check
def traces_are_tagged():
    experiment = new_experiment()
    run_named("tagged")
    trace_id = last_trace().info.request_id
    client.set_trace_tag(trace_id, "team", "air")
    client.set_trace_tag(trace_id, "team", "land")
    client.set_trace_tag(trace_id, "odd key/with.parts", "ü")
    tags = client.get_trace(trace_id).info.tags
    assert tags["team"] == "land" and tags["odd key/with.parts"] == "ü"
    assert len(search(experiment, "tags.team = 'land'")) == 1
    client.delete_trace_tag(trace_id, "team")
    assert "team" not in client.get_trace(trace_id).info.tags
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.delete_trace_tag(trace_id, "team"))
    with mlflow.start_span("current"):
        mlflow.update_current_trace(tags={"at": "once"})
    assert last_trace().info.tags["at"] == "once"


@check
def traces_belong_to_runs():
    experiment = new_experiment()
    with mlflow.start_run() as run:
        run_named("within")
    run_named("without")
    sent()
    run_id = run.info.run_id
    assert names(experiment, f"run_id = '{run_id}'") == ["within"]
    assert search(experiment, f"run_id = '{run_id}'")[0].info.request_metadata["mlflow.sourceRun"] == run_id
    if NEWER:
        found = mlflow.search_traces(locations=[experiment], run_id=run_id, return_type="list")
        assert [trace.info.tags["mlflow.traceName"] for trace in found] == ["within"]


@check
def traces_are_searched():
    experiment = new_experiment()
    for i in range(5):
        with mlflow.start_span(f"job {i % 2}", span_type="LLM" if i == 3 else "CHAIN", attributes={"model": f"m{i}"}) as span:
            span.set_inputs({"text": f"needle {i}" if i == 2 else "hay"})
            time.sleep(0.003)  # traces of one millisecond have no order
            mlflow.update_current_trace(tags={"number": str(i)}) if NEWER else None
    sent()
    assert names(experiment) == ["job 0", "job 1", "job 0", "job 1", "job 0"]
    assert names(experiment, "name = 'job 1'") == ["job 1", "job 1"]
    assert len(search(experiment, f"timestamp_ms <= {int(time.time() * 1000)} AND status = 'OK'")) == 5
    assert len(search(experiment, f"timestamp_ms > {int(time.time() * 1000)}")) == 0
    assert len(search(experiment, "execution_time_ms >= 0")) == 5
    first = search(experiment, max_results=2, order_by=["timestamp_ms ASC"])
    second = search(experiment, max_results=2, order_by=["timestamp_ms ASC"], page_token=first.token)
    third = search(experiment, max_results=2, order_by=["timestamp_ms ASC"], page_token=second.token)
    ids = [trace.info.request_id for page in (first, second, third) for trace in page]
    assert len(set(ids)) == 5 and not third.token
    assert ids == [trace.info.request_id for trace in search(experiment)][::-1]
    refused("INVALID_PARAMETER_VALUE", lambda: search(experiment, "nonsense = 'x'"))
    refused("INVALID_PARAMETER_VALUE", lambda: search(experiment, "name ~ 'x'"))


@check
def traces_are_deleted():
    experiment = new_experiment()
    for i in range(4):
        run_named(f"job {i}")
        sent()
    ids = [trace.info.request_id for trace in search(experiment)]
    refused("INVALID_PARAMETER_VALUE", lambda: client.delete_traces(experiment))
    given = {"trace_ids": ids[:1]} if NEWER else {"request_ids": ids[:1]}
    assert client.delete_traces(experiment, **given) == 1
    refused("RESOURCE_DOES_NOT_EXIST", lambda: client.get_trace(ids[0]))
    now = int(time.time() * 1000)
    assert client.delete_traces(experiment, max_timestamp_millis=now, max_traces=2) == 2
    assert names(experiment) == ["job 2"]
    assert client.delete_traces(experiment, max_timestamp_millis=now) == 1
    assert names(experiment) == []


@check
def newer_previews_sessions_and_users():
    experiment = new_experiment()
    with mlflow.start_span("chat") as span:
        span.set_inputs({"question": "who?"})
        mlflow.update_current_trace(
            metadata={"mlflow.trace.session": "s-1", "mlflow.trace.user": "ann", "own": "x"},
            client_request_id="request 7",
            request_preview="who?",
            response_preview="me",
        )
    run_named("other")
    sent()
    (trace,) = search(experiment, "metadata.`mlflow.trace.session` = 's-1'")
    info = client.get_trace(trace.info.trace_id).info
    assert (info.request_preview, info.response_preview, info.client_request_id) == ("who?", "me", "request 7")
    assert info.trace_metadata["mlflow.trace.user"] == "ann" and info.trace_metadata["own"] == "x"
    for filter in ["metadata.`mlflow.trace.user` = 'ann'", "metadata.own = 'x'", "client_request_id = 'request 7'", "metadata.own IS NOT NULL"]:
        assert names(experiment, filter) == ["chat"], filter
    assert names(experiment, "metadata.own IS NULL") == ["other"]
    long = run_named("x" * 2000)
    sent()
    assert len(client.get_trace(long.trace_id).info.request_preview) <= 1000


@check
def newer_search_knows_spans_and_words():
    experiment = new_experiment()
    for i in range(4):
        with mlflow.start_span(f"job {i}") as root:
            root.set_inputs({"text": f"find the Needle {i}" if i == 2 else "hay"})
            time.sleep(0.003)
            with mlflow.start_span("tool", span_type="TOOL" if i == 1 else "LLM", attributes={"model": f"gpt-{i}"}):
                pass
    sent()
    for filter, expected in [
        ("trace.text LIKE '%Needle%'", ["job 2"]),
        ("trace.text LIKE '%needle%'", []),
        ("trace.text ILIKE '%needle%'", ["job 2"]),
        ("span.name = 'job 3'", ["job 3"]),
        ("span.type = 'TOOL'", ["job 1"]),
        ("span.name = 'tool' AND span.type = 'TOOL'", ["job 1"]),
        ("span.name = 'job 1' AND span.type = 'TOOL'", []),
        ("span.status = 'ERROR'", []),
        ("span.attributes.model LIKE '%gpt-3%'", ["job 3"]),
        ("name RLIKE '^job [13]$'", ["job 3", "job 1"]),
        ("status IN ('OK', 'ERROR') AND name = 'job 2'", ["job 2"]),
        ("status NOT IN ('OK')", []),
        ("name LIKE 'job%' AND name != 'job 1'", ["job 3", "job 2", "job 0"]),
    ]:
        found = names(experiment, filter)
        assert found == expected, (filter, found)


@check
def newer_assessments():
    experiment = new_experiment()
    span = run_named("judged")
    run_named("other")
    sent()
    trace_id = span.trace_id
    source = mlflow.entities.AssessmentSource(source_type="HUMAN", source_id="ann@example.com")
    good = mlflow.log_feedback(trace_id=trace_id, name="good", value=True, rationale="it is", source=source, metadata={"k": "v"}, span_id=span.span_id)
    score = mlflow.log_feedback(trace_id=trace_id, name="score", value=0.75)
    words = mlflow.log_feedback(trace_id=trace_id, name="words", value={"a": [1, "x"], "b": None})
    failed = mlflow.log_feedback(trace_id=trace_id, name="failed", error=ValueError("no judge"))
    wanted = mlflow.log_expectation(trace_id=trace_id, name="wanted", value={"answer": ["JUDGED"]})
    plain = mlflow.log_expectation(trace_id=trace_id, name="plain", value="text")
    info = client.get_trace(trace_id).info
    assert [each.name for each in info.assessments] == ["good", "score", "words", "failed", "wanted", "plain"]
    found = mlflow.get_assessment(trace_id, good.assessment_id)
    assert (found.value, found.rationale, found.source.source_id, found.metadata, found.span_id) == (True, "it is", "ann@example.com", {"k": "v"}, span.span_id)
    assert mlflow.get_assessment(trace_id, words.assessment_id).value == {"a": [1, "x"], "b": None}
    assert mlflow.get_assessment(trace_id, failed.assessment_id).error.error_message == "no judge"
    assert mlflow.get_assessment(trace_id, wanted.assessment_id).value == {"answer": ["JUDGED"]}
    assert mlflow.get_assessment(trace_id, plain.assessment_id).value == "text"
    for filter, expected in [
        ("feedback.good = 'true'", ["judged"]),
        ("feedback.good = 'false'", []),
        ("feedback.score > 0.5", ["judged"]),
        ("feedback.score > 0.9", []),
        ("expectation.plain = 'text'", ["judged"]),
        ("expectation.plain LIKE '%ex%'", ["judged"]),
        ("feedback.score IS NULL", ["other"]),
        ("feedback.score IS NOT NULL", ["judged"]),
    ]:
        assert names(experiment, filter) == expected, (filter, names(experiment, filter))
    mlflow.update_assessment(trace_id, score.assessment_id, mlflow.entities.Feedback(name="score", value=0.25, rationale="less", metadata={"a": "b"}))
    found = mlflow.get_assessment(trace_id, score.assessment_id)
    assert (found.value, found.rationale, found.metadata) == (0.25, "less", {"a": "b"})
    again = mlflow.override_feedback(trace_id=trace_id, assessment_id=good.assessment_id, value=False)
    assert mlflow.get_assessment(trace_id, good.assessment_id).valid is False
    assert mlflow.get_assessment(trace_id, again.assessment_id).overrides == good.assessment_id
    mlflow.delete_assessment(trace_id, again.assessment_id)
    assert mlflow.get_assessment(trace_id, good.assessment_id).valid is True
    refused("RESOURCE_DOES_NOT_EXIST", lambda: mlflow.get_assessment(trace_id, again.assessment_id))
    refused("RESOURCE_DOES_NOT_EXIST", lambda: mlflow.log_feedback(trace_id="tr-" + "0" * 32, name="x", value=1))
    refused("INVALID_PARAMETER_VALUE", lambda: mlflow.update_assessment(trace_id, plain.assessment_id, mlflow.entities.Feedback(name="x", value=1)))
    with mlflow.start_span("at once") as live:
        mlflow.log_feedback(trace_id=live.trace_id, name="early", value=1)
    sent()
    assert [each.name for each in client.get_trace(live.trace_id).info.assessments] == ["early"]


@check
def newer_traces_are_linked():
    experiment = new_experiment()
    spans = [run_named(f"job {i}") for i in range(3)]
    sent()
    run = client.create_run(experiment)
    client.link_traces_to_run([span.trace_id for span in spans[:2]], run.info.run_id)
    client.link_traces_to_run([spans[0].trace_id], run.info.run_id)
    found = mlflow.search_traces(locations=[experiment], run_id=run.info.run_id, return_type="list")
    assert sorted(trace.info.tags["mlflow.traceName"] for trace in found) == ["job 0", "job 1"]
    model = mlflow.initialize_logged_model(name="assistant")
    mlflow.set_active_model(model_id=model.model_id)
    try:
        run_named("by the model")
        sent()
    finally:
        mlflow.clear_active_model()
    found = mlflow.search_traces(locations=[experiment], filter_string=f"metadata.`mlflow.modelId` = '{model.model_id}'", return_type="list")
    assert [trace.info.tags["mlflow.traceName"] for trace in found] == ["by the model"]
    name = f"prompt-{uuid.uuid4().hex[:8]}"
    prompt = mlflow.genai.register_prompt(name, "Hello {{who}}")
    client.link_prompt_versions_to_trace(prompt_versions=[prompt], trace_id=spans[2].trace_id)
    assert names(experiment, f'prompt = "{name}/1"') == ["job 2"]


@check
def newer_many_at_once():
    experiment = new_experiment()

    def work(number):
        for i in range(5):
            with mlflow.start_span(f"job {number}"):
                with mlflow.start_span("child"):
                    pass

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sent()
    found = search(experiment, max_results=100)
    assert len(found) == 30 and all(len(trace.data.spans) == 2 for trace in found)
    frame = mlflow.search_traces(locations=[experiment], max_results=7)
    assert len(frame) == 7 and set(frame["state"]) == {"OK"}


@check
def newer_large_spans():
    new_experiment()
    text = "".join(chr(33 + i % 90) for i in range(400_000))
    with mlflow.start_span("large") as span:
        span.set_inputs({"text": text})
        with mlflow.start_span("small"):
            pass
    trace = last_trace()
    assert trace.data.spans[0].inputs == {"text": text} and len(trace.data.spans) == 2


@check
def newer_trace_is_logged_whole():
    experiment = new_experiment()
    trace_id = mlflow.log_trace(name="past", request={"a": 1}, response={"b": 2}, tags={"t": "1"}, start_time_ms=1_700_000_000_000, execution_time_ms=250)
    sent()
    info = client.get_trace(trace_id).info
    assert (info.request_time, info.execution_duration, info.tags["t"]) == (1_700_000_000_000, 250, "1")
    assert names(experiment, "execution_time_ms = 250 AND timestamp_ms < 1700000000001") == ["past"]


@check
def newer_otlp_of_others():
    import urllib.request

    experiment = new_experiment()
    trace, root, child = uuid.uuid4().hex, uuid.uuid4().hex[:16], uuid.uuid4().hex[:16]

    def span(span_id, parent, name, start, end, **more):
        return {
            "traceId": trace,
            "spanId": span_id,
            "parentSpanId": parent,
            "name": name,
            "kind": 1,
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(end),
            "attributes": [{"key": "session.id", "value": {"stringValue": "s-9"}}, {"key": "count", "value": {"intValue": "5"}}],
            "status": {"code": 1},
            **more,
        }

    def send(*spans):
        body = {"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "desk"}}]}, "scopeSpans": [{"spans": list(spans)}]}]}
        headers = {"content-type": "application/json", "x-mlflow-experiment-id": experiment}
        request = urllib.request.Request(sys.argv[1] + "/v1/traces", json.dumps(body).encode(), headers)
        assert urllib.request.urlopen(request).status == 200

    start = 1_795_000_000_123_456_789
    send(span(child, root, "child", start + 5_000_000, start + 9_000_000))
    assert client.get_trace(f"tr-{trace}").info.state.value == "IN_PROGRESS"
    send(span(root, "", "root", start, start + 20_000_000))
    send(span(root, "", "root", start, start + 20_000_000))
    found = client.get_trace(f"tr-{trace}")
    assert [each.name for each in found.data.spans] == ["root", "child"]
    assert found.data.spans[0].start_time_ns == start and found.data.spans[0].attributes["count"] == 5
    assert found.info.state.value == "OK" and found.info.execution_duration == 20
    assert found.info.tags["service.name"] == "desk" and found.info.trace_metadata["mlflow.trace.session"] == "s-9"


@check
def newer_traces_are_linked_before_they_arrive():
    experiment = new_experiment()
    run = client.create_run(experiment).info.run_id
    trace_id = f"tr-{uuid.uuid4().hex}"
    client.link_traces_to_run([trace_id], run)  # as when its export is under way
    place = mlflow.entities.TraceLocation.from_experiment_id(experiment)
    info = mlflow.entities.TraceInfo(trace_id=trace_id, trace_location=place, request_time=1000, state=mlflow.entities.TraceState.OK)
    client._tracing_client.start_trace(info)
    found = mlflow.search_traces(locations=[experiment], run_id=run, return_type="list", include_spans=False)
    assert [trace.info.trace_id for trace in found] == [trace_id]


@check
def newer_traces_are_measured():
    from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType

    experiment = new_experiment()
    for i in range(4):
        with mlflow.start_span(f"job {i % 2}", span_type=SpanType.LLM):
            mlflow.update_current_trace(tags={"team": "air" if i else "sea"})
    sent()
    count = [MetricAggregation(aggregation_type=AggregationType.COUNT)]
    store = client._tracing_client.store

    def counts(view, metric, dimension, **more):
        given = {"view_type": view, "metric_name": metric, "aggregations": count, "dimensions": [dimension], **more}
        return {point.dimensions[dimension]: point.values["COUNT"] for point in store.query_trace_metrics(experiment_ids=[experiment], **given)}

    assert counts(MetricViewType.TRACES, "trace_count", "trace_name") == {"job 0": 2, "job 1": 2}
    assert counts(MetricViewType.TRACES, "trace_count", "trace_status", filters=["trace.tag.team = 'air'"]) == {"OK": 3}
    assert counts(MetricViewType.SPANS, "span_count", "span_type") == {"LLM": 4}
    half = [MetricAggregation(aggregation_type=AggregationType.PERCENTILE, percentile_value=50)]
    (point,) = store.query_trace_metrics(
        experiment_ids=[experiment], view_type=MetricViewType.TRACES, metric_name="latency", aggregations=half
    )
    assert point.values["P50.0"] >= 0
    found = client._tracing_client.calculate_trace_filter_correlation([experiment], "name = 'job 1'", "tags.team = 'air'")
    assert (found.total_count, found.filter1_count, found.filter2_count, found.joint_count) == (4, 2, 3, 2)
    assert 0 < found.npmi < 1 and 0 < found.npmi_smoothed < found.npmi


@check
def newer_issues_are_kept():
    experiment = new_experiment()
    run = client.create_run(experiment).info.run_id
    store = client._tracing_client.store
    made = store.create_issue(experiment_id=experiment, name="slow", description="it takes long", source_run_id=run, root_causes=["a"])
    assert made.status.value == "pending" and made.root_causes == ["a"] and made.severity is None
    store.update_issue(made.issue_id, status=mlflow.entities.IssueStatus.RESOLVED, severity=mlflow.entities.IssueSeverity.HIGH)
    found = store.search_issues(experiment_id=experiment, filter_string=f"status = 'resolved' AND source_run_id = '{run}'")
    assert [each.issue_id for each in found] == [made.issue_id] and found[0].severity == mlflow.entities.IssueSeverity.HIGH
    assert store.get_issue(made.issue_id) == found[0] and found.token is None
    refused("RESOURCE_DOES_NOT_EXIST", lambda: store.get_issue("iss-none"))


def main():
    wanted = set(sys.argv[2:])
    for function in checks:
        if wanted and function.__name__ not in wanted or function.__name__.startswith("newer_") and not NEWER:
            continue
        begun = time.time()
        error = None
        try:
            function()
        except BaseException:
            error = traceback.format_exc(limit=-4)[-3000:]
        while mlflow.active_run():
            mlflow.end_run()
        print("CHECK " + json.dumps({"name": function.__name__, "error": error, "seconds": round(time.time() - begun, 1)}), flush=True)
    sys.stdout.flush()


main()
