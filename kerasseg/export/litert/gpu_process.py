"""Runs a LiteRT file on the GPU that LiteRT finds: FILE IMAGES OUT, arrays of NumPy.

A process of its own: a driver may take it down, and what it did is told on stderr.
"""

import sys

import numpy as np


def main(file: str, images: str, out: str) -> None:
    """Writes what the first signature gives for each image, one after another."""
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.hardware_accelerator import HardwareAccelerator

    both = HardwareAccelerator.GPU | HardwareAccelerator.CPU
    model = CompiledModel.from_file(file, hardware_accel=both)
    signature = model.get_signature_by_index(0)["key"]
    (given,) = model.get_output_tensor_details(signature).values()
    taken, written = model.create_input_buffers(0), model.create_output_buffers(0)
    results = []
    for image in np.load(images):
        taken[0].write(np.ascontiguousarray(image[None]))
        model.run_by_index(0, taken, written)
        kind, count = np.dtype(given["dtype"]), int(np.prod(given["shape"]))
        results.append(written[0].read(count, kind).reshape(given["shape"])[0])
    np.save(out, np.stack(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
