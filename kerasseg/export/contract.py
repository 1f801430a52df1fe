"""What the files of an export take and give, in the words of the model card."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from kerasseg.data.format.encode import is_picture_file
from kerasseg.export import engines
from kerasseg.export.formats import ARTEFACTS, device_type
from kerasseg.export.litert import snippets
from kerasseg.image_format import ImageFormat
from kerasseg.taxonomy import IGNORE, Taxonomy
from kerasseg.volume_format import VolumeFormat

Parts: TypeAlias = Iterator[tuple]
"""Of ("section", title), ("text", words), ("list", items), ("code", language, its short
name, lines) and ("table", note, titles, rows)."""


def parts(
    accepted: list[dict],
    height: int,
    width: int,
    taxonomy: Taxonomy,
    image_format: ImageFormat,
) -> Parts:
    """The card's section on input and output.

    accepted: rows of the gate; height, width: of the network.
    """
    names = taxonomy.names
    yield "section", "Input and output"
    if image_format.is_rgb8:
        yield (
            "text",
            f"LiteRT files take one image, uint8 RGB 0 to 255, (1, {height}, {width}, "
            "3), and nothing else: normalisation is inside. Other sizes are stretched "
            "to it, bilinear at half-pixel centres, antialiased when shrinking, "
            "rounded to whole grey levels; kerasseg.inference.litert.stretched does it "
            "without TensorFlow.",
        )
    else:
        yield from _bands(height, width, image_format)
    yield "text", _answers(height, width, taxonomy) + _and_taxonomy(image_format)
    known = {row["format"]: row for row in accepted}
    if "saved_model" in known:
        ways = known["saved_model"]["ways"]
        larger = "shrinks what is larger than the network"
        if ways["overlap"]:
            larger = (
                "cuts what is larger than the network into tiles that share "
                f"{ways['overlap']} pixels"
            )
        mean = ", and answers with the mean of the image and of its mirror image"
        yield (
            "text",
            f"{_served(image_format)} Signature probabilities takes the same image. It "
            f"{larger}"
            f"{mean if ways['flip'] else ''}. Pictures of more than "
            f"{ways['max_pixels']:,} pixels are refused.",
        )
    kind = device_type(image_format)
    engine = f"takes any number of the same {kind} images at once and gives"
    gives = {"onnx": "class_map", "onnx_probabilities": "probabilities"}
    for name, output in gives.items():
        if name in known:
            file = known[name]["file"]
            yield "text", f"{file} (ONNX, opset {engines.OPSET}) {engine} {output}."
    gives = {"openvino": "class_map", "openvino_probabilities": "probabilities"}
    for name, output in gives.items():
        if name in known:
            yield (
                "text",
                f"The OpenVINO folder {known[name]['file']}, model.xml and model.bin, "
                f"{engine} {output}. It was run with INFERENCE_PRECISION_HINT f32; "
                "without it OpenVINO computes in bfloat16 where the processor can.",
            )
    if "opencv" in known:
        yield (
            "text",
            f"{known['opencv']['file']} takes float32 RGB 0 to 255, (1, {height}, "
            f"{width}, 3), and gives float32 logits: the class is the largest. OpenCV "
            "reads it with cv2.dnn.readNetFromTFLite and gives (1, classes, height, "
            "width).",
        )
    if "gpu" in known:
        yield (
            "text",
            f"{known['gpu']['file']} takes float32 images of the same numbers, gives "
            f"probabilities float32 (1, {height}, {width}, {len(names)}); "
            f"{_of_caller(taxonomy, '0.5')}. It has no cast and no "
            "ARG_MAX, for the classic GPU delegate.",
        )
    if "edgetpu" in known:
        yield (
            "text",
            f"{known['edgetpu']['file']} takes uint8 images and gives int8 logits at "
            "the network's stride; the caller enlarges them, bilinear; "
            f"{_of_caller(taxonomy, '0')}. Compile it with edgetpu_compiler; we have "
            "not.",
        )
    ids = ", ".join(f"{i} {name}" for i, name in enumerate(names))
    what = "Class ids" if taxonomy.exclusive else "Planes of the class map"
    yield "text", f"{what}: {ids}."
    # Best for devices first; MediaPipe has a program of its own.
    order = ("int8", "float32", "float16")
    best = next((name for name in order if name in known), None)
    if best:
        file = ARTEFACTS[best].file
        lines = snippets.for_file(file, height, width, image_format, taxonomy)
        for language, (short, code) in lines.items():
            yield "code", language, short, code


def of_volumes(
    accepted: list[dict],
    size: tuple[int, ...],
    taxonomy: Taxonomy,
    image_format: ImageFormat,
    volume: VolumeFormat,
) -> Parts:
    """The same of a network of volumes. size: depth, height and width of a patch."""
    known = {row["format"]: row for row in accepted}
    shape = ", ".join(map(str, size))
    yield "section", "Input and output"
    done = {
        "zscore": "standardised: each channel of the whole volume has mean 0 and "
        "deviation 1",
        "ct": "in Hounsfield units; clipping and scaling are inside",
        "none": "as the files have them",
    }[volume.normalise]
    where = "turned to RAS+, axes z, y, x"
    if volume.spacing:
        sides = " x ".join(f"{side:g}" for side in volume.spacing)
        where += f", resampled to voxels of {sides} mm (z, y, x; cubic)"
    yield (
        "text",
        f"Volumes are {where}. LiteRT, ONNX and OpenVINO files take one patch, "
        f"{device_type(image_format)} (1, {shape}, {image_format.channels}), {done}. "
        "Signature class_map gives the class of each voxel, in files named "
        "_probabilities probabilities float32 of each class. A volume is covered by "
        "patches that overlap by half, whose probabilities are averaged with Gaussian "
        "weights: python -m kerasseg.predict SCAN.nii.gz --litert FILE with a file of "
        "probabilities does all of it and writes the answer on the voxels that came. "
        "taxonomy.json, image_format.json and volume_format.json are inside.",
    )
    if "saved_model" in known:
        standard = ", standardised inside" if volume.normalise == "zscore" else ""
        mean = known["saved_model"].get("ways", {}).get("flip")
        yield (
            "text",
            "The SavedModel takes whole volumes, float32 (B, D, H, W, "
            f"{image_format.channels}) of any size{standard}, and has the window in "
            "its graph: serving_default gives class_map, probabilities those of each "
            "class, network_size takes patches that are normalised already."
            f"{' It answers with the mean of mirrored patches.' if mean else ''}",
        )
    bands = ", ".join(f"{n} {name}" for n, name in enumerate(image_format.bands))
    ids = ", ".join(f"{i} {name}" for i, name in enumerate(taxonomy.names))
    what = "Class ids" if taxonomy.exclusive else "Planes of the class map"
    yield "list", [f"Channels: {bands}.", f"{what}: {ids}."]


def _answers(height: int, width: int, taxonomy: Taxonomy) -> str:
    """What LiteRT files give."""
    count = taxonomy.num_classes
    ids = "uint8" if count <= IGNORE else "int32"
    given = f"class_map: {ids} (1, {height}, {width}), a class id a pixel"
    sums = "sums of 1"
    if not taxonomy.exclusive:
        given = (
            f"class_map: uint8 (1, {height}, {width}, {count}), for each class 1 where "
            "it is, else 0: classes overlap"
        )
        sums = (
            "a sigmoid each, the class is there above 0.5 (of MediaPipe take the "
            "confidence masks: its category mask names one class a pixel)"
        )
    return (
        f"Signature {given}. In files named _probabilities, and as a second signature "
        "where there are two (--signatures both), probabilities: float32 "
        f"(1, {height}, {width}, {count}), {sums}. Names and colours are in the file: "
        "it opens as a zip with labels.txt"
    )


def _bands(height: int, width: int, image_format: ImageFormat) -> Parts:
    """What an image that is not RGB of 8 bits must hold."""
    channels, kind = image_format.channels, device_type(image_format)
    floats = ""
    if kind != image_format.type:
        floats = f" of the numbers of {image_format.type} as they are"
    yield (
        "text",
        f"LiteRT files take one image, {kind}{floats}, (1, {height}, {width}, "
        f"{channels}), in the units of the data, and nothing else: clipping and "
        "scaling are inside. Other sizes are stretched to it, bilinear at half-pixel "
        "centres, antialiased when shrinking"
        f"{'' if image_format.type == 'float32' else ', rounded to whole numbers'}; "
        "kerasseg.inference.litert.Model does it without TensorFlow.",
    )
    nothing = "NaN and infinity" if image_format.type == "float32" else ""
    if image_format.nodata is not None:
        nodata = f"{image_format.nodata:g} in all bands"
        nothing = f"{nothing}, and {nodata}" if nothing else nodata
    if nothing:
        yield (
            "text",
            f"No measurement is {nothing}: the SavedModel and "
            "kerasseg.inference.litert.Model put 0 into all bands there. Whoever runs "
            "a LiteRT, ONNX or OpenVINO file otherwise does the same before.",
        )
    bands = list(enumerate(image_format.bands))
    if not image_format.statistics:
        ids = ", ".join(f"{number} {name}" for number, name in bands)
        yield "text", f"Bands, {image_format.type}: {ids}."
        return
    yield (
        "table",
        f"Bands, {image_format.type}, and their values in the training split.",
        ["Band", "Smallest", "0.5 %", "Mean", "99.5 %", "Largest"],
        [
            [
                f"{number} {name}",
                *(
                    f"{value:.6g}"
                    for value in (b.smallest, b.low, b.mean, b.high, b.largest)
                ),
            ]
            for (number, name), b in zip(bands, image_format.statistics, strict=True)
        ],
    )


def _of_caller(taxonomy: Taxonomy, least: str) -> str:
    """What is left to do with scores."""
    if taxonomy.exclusive:
        return "the caller takes the largest"
    return f"a class is there above {least}, which the caller compares"


def _and_taxonomy(image_format: ImageFormat) -> str:
    if image_format.is_rgb8:
        return " and taxonomy.json."
    return ", taxonomy.json and image_format.json."


def _served(image_format: ImageFormat) -> str:
    """What the SavedModel takes."""
    if image_format.is_rgb8:
        return (
            "The SavedModel takes RGB 0 to 255 of any size, float32 (serving_default) "
            "or uint8 (class_map), or JPEG and PNG bytes (serve_bytes)."
        )
    channels = image_format.channels
    taken = (
        f"The SavedModel takes float32 (B, H, W, {channels}) of any size in the units "
        "of the data (serving_default)"
    )
    if not is_picture_file(image_format):
        return (
            f"{taken}. It has no serve_bytes: PNG and JPEG cannot hold {channels} "
            f"bands of {image_format.type}."
        )
    bits = 8 if image_format.type == "uint8" else 16
    jpeg = "JPEG or " if bits == 8 and channels != 4 else ""
    return (
        f"{taken}, or bytes of a {jpeg}PNG with {channels} channels of {bits} bits "
        "(serve_bytes); another depth or number of channels is refused."
    )
