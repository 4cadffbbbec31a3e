"""LightGBM's side of bench/trees: trains on the row-major float32 file that run.ts wrote, prints its seconds as JSON and writes its predictions."""

import json
import sys
import time

import lightgbm
import numpy

job = json.load(sys.stdin)


def matrix(name):
    return numpy.fromfile(job[name], dtype=numpy.float32).reshape(-1, job["columns"])


train, test = matrix("train"), matrix("test")
label = numpy.fromfile(job["label"], dtype=numpy.float32)
parameters = {**job["parameters"], "num_threads": job["threads"], "verbose": -1}
started, cpu = time.perf_counter(), time.process_time()
data = lightgbm.Dataset(train, label, categorical_feature=job["categories"], params=parameters).construct()
binned = time.perf_counter()
model = lightgbm.train(parameters, data, job["trees"])
fitted, cpu = time.perf_counter(), time.process_time() - cpu
model.predict(test, num_threads=job["threads"]).astype(numpy.float32).tofile(job["predictions"])
scored = time.perf_counter()
print(json.dumps({"version": lightgbm.__version__, "bin": binned - started, "fit": fitted - binned, "cpu": cpu, "score": scored - fitted}))
