#!/usr/bin/env python3
"""The inference of step_bench.cpp by ONNX Runtime or OpenVINO, from a file of torch_step.py."""
import argparse

import worker


def onnx_runtime(path, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    base = worker.memory_mb("VmRSS")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return (onnxruntime.__version__, base,
            lambda images: session.run(["scores"], {"images": images})[0])


def openvino(path, threads):
    import openvino

    base = worker.memory_mb("VmRSS")
    compiled = openvino.Core().compile_model(path, "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    return (openvino.__version__.split("-")[0], base,
            lambda images: request.infer({0: images}, share_inputs=True, share_outputs=True)[0])


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("engine", choices=("onnxruntime", "openvino"))
    p.add_argument("file")
    worker.add_arguments(p)
    o = p.parse_args()
    version, base, infer = (onnx_runtime if o.engine == "onnxruntime" else openvino)(
        o.file, o.threads)
    images, scores = worker.make_images(o), []

    def step():
        scores[:] = infer(images).ravel().tolist()

    for _ in range(o.warmup + 1):
        step()
    worker.serve({"version": version, "base_mb": base, "losses": [], "scores": scores}, step)


if __name__ == "__main__":
    main()
