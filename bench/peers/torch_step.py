#!/usr/bin/env python3
"""The steps of step_bench.cpp in PyTorch, from the same weights on the same images."""
import argparse
import json
import struct

import numpy as np
import torch
from torch.nn import functional as F

import worker
from torch_nets import NETWORKS


def read_safetensors(path):
    tensors, dtypes = {}, {"F32": np.float32, "I64": np.int64}
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        header.pop("__metadata__", None)
        start = f.tell()
        for name, t in header.items():
            begin, end = t["data_offsets"]
            f.seek(start + begin)
            values = np.frombuffer(bytearray(f.read(end - begin)), dtypes[t["dtype"]])
            tensors[name] = torch.from_numpy(values.reshape(t["shape"]))
    return tensors


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("work", choices=("train", "infer", "export"))
    p.add_argument("model", choices=NETWORKS)
    worker.add_arguments(p)
    p.add_argument("--layout", choices=("nchw", "nhwc"), default="nchw")
    p.add_argument("--compile", action="store_true", help="by torch.compile")
    p.add_argument("--weights", required=True, help="file with the weights to begin with")
    p.add_argument("--onnx", help="file to export to")
    o = p.parse_args()

    torch.set_num_threads(o.threads)
    base = worker.memory_mb("VmRSS")
    net = NETWORKS[o.model](o.channels, o.classes)
    net.load_state_dict(read_safetensors(o.weights))
    net.eval()
    x = torch.from_numpy(worker.make_images(o))
    labels = torch.arange(o.batch) * 7 % o.classes
    if o.work == "export":
        torch.onnx.export(net, (x,), o.onnx, dynamo=True, external_data=False, verbose=False,
                          input_names=["images"], output_names=["scores"])
        return
    if o.layout == "nhwc":
        net = net.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    losses, scores = [], []
    if o.work == "train":
        with torch.no_grad():
            scores[:] = net(x).flatten().tolist()
        net.train()
        sgd = torch.optim.SGD(
            net.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4, fused=True)

        def loss_of(images, truth):
            logits = net(images)
            return F.cross_entropy(logits, truth), logits

        if o.compile:
            loss_of = torch.compile(loss_of)

        def step():
            sgd.zero_grad(set_to_none=True)
            loss, logits = loss_of(x, labels)
            loss.backward()
            sgd.step()
            losses.append(loss.item())
            (logits.argmax(1) == labels).sum().item()
    else:
        if o.compile:
            from torch._inductor import config
            config.freezing = True  # weights packed once, batch norm folded
            net = torch.compile(net)

        @(torch.no_grad() if o.compile else torch.inference_mode())  # freezing wants the former
        def step():
            scores[:] = net(x).flatten().tolist()

    for _ in range(o.warmup + 1):
        step()
    worker.serve({"version": torch.__version__,
                  "instruction_set": torch.backends.cpu.get_cpu_capability(),
                  "base_mb": base, "losses": losses[:], "scores": scores}, step)


if __name__ == "__main__":
    main()
