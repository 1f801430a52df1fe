"""Names, colours and normalisation inside a LiteRT file, as MediaPipe expects them.

They follow the TFLite metadata schema (`metadata_schema.fbs` of tflite-support,
identifier M001). No package ships that schema, so its tables are written here: a dict
is a table, number of the field -> value; an int is a byte.
"""

from __future__ import annotations

import io
import json
import zipfile

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from kerasseg.export.litert import flatbuffer
from kerasseg.image_format import GRAY, ImageFormat
from kerasseg.image_format import RGB as RGB8
from kerasseg.taxonomy import Taxonomy
from kerasseg.volume_format import VolumeFormat

# Values of the schema's enumerations: ColorSpaceType, ContentProperties,
# ProcessUnitOptions, AssociatedFileType.
RGB, GRAYSCALE = 1, 2
IMAGE_PROPERTIES = 2
NORMALIZATION = 1
AXIS_LABELS = 2
LABELS, TAXONOMY = "labels.txt", "taxonomy.json"
IMAGE_FORMAT, VOLUME_FORMAT = "image_format.json", "volume_format.json"


def attach(
    data: bytes,
    name: str,
    taxonomy: Taxonomy,
    image_format: ImageFormat = RGB8,
    volume: VolumeFormat | None = None,
) -> bytes:
    """The LiteRT file with metadata and, as a zip at its end, the named files.

    labels.txt: one class name on each line; taxonomy.json: names and colours;
    image_format.json: bands and type of the images, unless RGB of 8 bits.
    volume_format.json: of volumes, how they are normalised.
    """
    model = flatbuffer.unpack(data)
    graphs = []
    for signature in model.signatureDefs:
        output = flatbuffer.text(signature.outputs[0].name)
        graphs.append(_graph(output, image_format, volume is not None))
    about = {
        0: name,
        1: f"Semantic segmentation into {taxonomy.num_classes} classes.",
        3: graphs,  # subgraph_metadata
        4: "kerasseg",  # author
        7: "1.0.0",  # min_parser_version
    }
    builder = flatbuffers.Builder(1024)
    builder.Finish(_write(builder, about), file_identifier=b"M001")
    buffer = schema.BufferT()
    buffer.data = list(bytes(builder.Output()))
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    out = io.BytesIO(flatbuffer.pack(model))
    with zipfile.ZipFile(out, "a") as archive:
        # MediaPipe reads the files in place: stored, not compressed. A fixed date, so
        # that the same network gives the same file.
        files = {
            LABELS: "\n".join(taxonomy.names) + "\n",
            TAXONOMY: json.dumps(taxonomy.to_json()),
        }
        if image_format != RGB8:
            files[IMAGE_FORMAT] = json.dumps(image_format.to_json())
        if volume:
            files[VOLUME_FORMAT] = json.dumps(volume.to_json())
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file, (1980, 1, 1, 0, 0, 0)), text)
    return out.getvalue()


def _graph(output: str, image_format: ImageFormat, volume: bool) -> dict:
    """SubGraphMetadata of a signature: name, input and output, each TensorMetadata."""
    image: dict = {0: "image", 1: f"{image_format}, of this size."}
    if image_format.is_picture and not volume:
        colours = GRAYSCALE if image_format.same_kind(GRAY) else RGB
        image = {
            0: "image",
            1: f"{'RGB' if colours == RGB else 'Gray'} pixels, 0 to 255, stretched to "
            "this size.",
            3: _content(colours),
            4: [{0: NORMALIZATION, 1: {0: [0.0], 1: [1.0]}}],  # mean, std
            5: {0: [255.0], 1: [0.0]},  # stats: max, min
        }
    result: dict = {0: output, 1: "Class of each pixel.", 3: _content(GRAYSCALE)}
    if volume:
        result = {0: output, 1: "Class of each voxel."}
    if output == "probabilities":
        labels = {0: LABELS, 1: "A class name a line.", 2: AXIS_LABELS}
        # 6: associated_files
        each = "voxel" if volume else "pixel"
        result |= {1: f"Probability of each class at each {each}.", 6: [labels]}
    # 2: input_tensor_metadata, 3: output_tensor_metadata
    return {0: output, 2: [image], 3: [result]}


def _content(colours: int) -> dict:
    return {0: IMAGE_PROPERTIES, 1: {0: colours}}


def _write(builder, value):
    """Writes a string, list or table, the inner ones first; returns its offset."""
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, list):
        floats = isinstance(value[0], float)
        items = value if floats else [_write(builder, item) for item in value]
        builder.StartVector(4, len(items), 4)
        add = builder.PrependFloat32 if floats else builder.PrependUOffsetTRelative
        for item in reversed(items):
            add(item)
        return builder.EndVector()
    inner = {
        slot: _write(builder, part)
        for slot, part in value.items()
        if not isinstance(part, int)
    }
    builder.StartObject(max(value) + 1)
    for slot, part in value.items():
        if slot in inner:
            builder.PrependUOffsetTRelativeSlot(slot, inner[slot], 0)
        else:
            builder.PrependUint8Slot(slot, part, 0)
    return builder.EndObject()
