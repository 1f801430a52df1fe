"""Six lines of Python, C++, Kotlin, Swift, JavaScript that run an exported LiteRT file.

The card of an export (`kerasseg.export.card`) shows them, for the bands and the type of
the network's images.
"""

from __future__ import annotations

from kerasseg.export.formats import device_type
from kerasseg.image_format import RGB, ImageFormat
from kerasseg.taxonomy import IGNORE, Taxonomy

PYTHON = """\
import cv2
from ai_edge_litert.interpreter import Interpreter

run = Interpreter("{file}").get_signature_runner("class_map")
image = cv2.cvtColor(cv2.imread("street.jpg"), cv2.COLOR_BGR2RGB)
image = cv2.resize(image, ({width}, {height}), interpolation=cv2.INTER_AREA)
classes = run(image=image[None])["class_map"][0]  # {ids} ({shape})
"""

PYTHON_GRAY = """\
import cv2
from ai_edge_litert.interpreter import Interpreter

run = Interpreter("{file}").get_signature_runner("class_map")
image = cv2.imread("image.png", cv2.IMREAD_GRAYSCALE)
image = cv2.resize(image, ({width}, {height}), interpolation=cv2.INTER_AREA)
classes = run(image=image[None, ..., None])["class_map"][0]  # ({shape})
"""

PYTHON_BANDS = """\
import tifffile
from ai_edge_litert.interpreter import Interpreter

run = Interpreter("{file}").get_signature_runner("class_map")
image = tifffile.imread("image.tif").astype("{input}")  # ({height}, {width}{bands})
# Bands first? image = image.transpose(1, 2, 0)
classes = run(image=image[None{axis}])["class_map"][0]  # {ids} ({shape})
"""

CPP = """\
auto model = tflite::FlatBufferModel::BuildFromFile("{file}");
tflite::ops::builtin::BuiltinOpResolver operators;
std::unique_ptr<tflite::Interpreter> run;
tflite::InterpreterBuilder(*model, operators)(&run); run->AllocateTensors();
std::memcpy(run->typed_input_tensor<{cpp}>(0), {pixels}, {height} * {width} * {bytes});
run->Invoke(); const {ids}_t* classes = run->typed_output_tensor<{ids}_t>(0);
"""

KOTLIN = """\
val model = FileUtil.loadMappedFile(context, "{file}")
val run = org.tensorflow.lite.Interpreter(model)
val {pixels} = ByteBuffer.allocateDirect({height} * {width} * {bytes}){fill}
val classes = ByteBuffer.allocateDirect({height} * {width}{times}{id_bytes})
run.run({pixels}, classes)
val first = {kotlin}
"""

SWIFT = """\
import TensorFlowLite
let path = Bundle.main.path(forResource: "{stem}", ofType: "tflite")!
let run = try Interpreter(modelPath: path)
try run.allocateTensors()
try run.copy({pixels}, toInputAt: 0)  // Data of {height} * {width} * {bytes}{order}
try run.invoke(); let classes = {swift}
"""

JAVASCRIPT = """\
import {{loadLiteRt, loadAndCompile, Tensor}} from '@litertjs/core';
await loadLiteRt('/wasm/');  // the folder wasm/ of the package
const model = await loadAndCompile('/{file}', {{accelerator: 'wasm'}});
const image = new Tensor({pixels}, [1, {height}, {width}, {channels}]);  {js}
const [output] = await model.run(image);
const classes = output.toTypedArray();  // {height} * {width}{times} numbers
"""

NARROW: dict[str, str | int] = {
    "ids": "uint8",
    "id_bytes": "",
    "kotlin": "classes.get(0).toInt() and 0xFF",
    "swift": "[UInt8](try run.output(at: 0).data)",
}
WIDE: dict[str, str | int] = {
    "ids": "int32",
    "id_bytes": " * 4",
    "kotlin": "classes.order(ByteOrder.nativeOrder()).getInt(0)",
    "swift": "try run.output(at: 0).data  // Int32, 4 bytes each",
}
"""How the snippets say the type of class ids."""


def for_file(
    file: str,
    height: int,
    width: int,
    image_format: ImageFormat = RGB,
    taxonomy: Taxonomy | None = None,
) -> dict[str, tuple[str, str]]:
    """Language -> its name for a syntax highlighter, and the lines for this file.

    height, width: of the network, pixels; image_format: bands and type of its images;
    taxonomy: of its class map; None: ids of up to 255 classes.
    """
    wide = taxonomy is not None and taxonomy.num_classes > IGNORE
    planes = 1
    if taxonomy is not None and not taxonomy.exclusive:
        planes = taxonomy.num_classes
    python = PYTHON if image_format.is_rgb8 else PYTHON_BANDS
    if image_format.is_picture and image_format.channels == 1:
        python = PYTHON_GRAY
    languages = {
        "Python": ("python", python),
        "C++": ("cpp", CPP),
        "Kotlin": ("kotlin", KOTLIN),
        "Swift": ("swift", SWIFT),
        "JavaScript": ("js", JAVASCRIPT),
    }
    stem = file.rsplit(".", 1)[0]
    values = {"file": file, "stem": stem, "height": height, "width": width}
    values |= _values(image_format) | (WIDE if wide else NARROW)
    more = f", {planes}" if planes > 1 else ""
    values["shape"] = f"{height}, {width}{more}"
    values["times"] = f" * {planes}" if planes > 1 else ""
    return {
        language: (short, lines.format(**values))
        for language, (short, lines) in languages.items()
    }


def _values(image_format: ImageFormat) -> dict[str, str | int]:
    """What the snippets say of bands and type."""
    channels, floats = image_format.channels, device_type(image_format) == "float32"
    order = "R, G, B" if image_format.is_rgb8 else ", ".join(image_format.bands)
    pixels = "rgb" if image_format.is_rgb8 else "values"
    fill = f"      // fill: {order}"
    if floats:
        fill = f"\n    .order(ByteOrder.nativeOrder())  // fill, as floats: {order}"
    return {
        "input": device_type(image_format),
        "channels": channels,
        "bands": f", {channels}" if channels > 1 else "",
        "axis": ", ..., None" if channels == 1 else "",
        "bytes": f"{channels} * 4" if floats else channels,
        "pixels": pixels,
        "order": f" bytes: {order}",
        "fill": fill,
        "cpp": "float" if floats else "uint8_t",
        "js": f"// {pixels}: {'Float32Array' if floats else 'Uint8Array'}",
    }
