"""A program instrumented with OpenTelemetry's own Python SDK and exporter: sends a trace, prints its id.

Usage: python send-spans.py <server> <experiment> <none | gzip | deflate>
"""

import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

server, experiment, compression = sys.argv[1:]
provider = TracerProvider(resource=Resource.create({"service.name": "desk", "service.version": "3"}))
exporter = OTLPSpanExporter(f"{server}/v1/traces", headers={"x-mlflow-experiment-id": experiment}, compression=Compression(compression))
provider.add_span_processor(BatchSpanProcessor(exporter, max_export_batch_size=7))
tracer = provider.get_tracer("desk.lib", "1.2")
with tracer.start_as_current_span("answer", kind=SpanKind.SERVER, attributes={"session.id": "s-1", "user.id": "ann"}) as root:
    for i in range(20):
        with tracer.start_as_current_span(f"step {i}", attributes={"number": i, "half": i / 2, "names": ["a", "b"], "yes": True}) as span:
            span.add_event("looked", {"at": "shelf"})
            if i == 19:
                span.set_status(Status(StatusCode.ERROR, "nothing there"))
                span.record_exception(ValueError("as planned"))
provider.shutdown()
print(f"{root.get_span_context().trace_id:032x}")
