"""Six lines of Python, C++, Kotlin, Swift, JavaScript that run an exported LiteRT file.

The card of an export (`kerasseg.export.card`) shows them.
"""

from __future__ import annotations

PYTHON = """\
import cv2
from ai_edge_litert.interpreter import Interpreter

run = Interpreter("{file}").get_signature_runner("class_map")
image = cv2.cvtColor(cv2.imread("street.jpg"), cv2.COLOR_BGR2RGB)
image = cv2.resize(image, ({width}, {height}), interpolation=cv2.INTER_AREA)
classes = run(image=image[None])["class_map"][0]  # uint8 ({height}, {width})
"""

CPP = """\
auto model = tflite::FlatBufferModel::BuildFromFile("{file}");
tflite::ops::builtin::BuiltinOpResolver operators;
std::unique_ptr<tflite::Interpreter> run;
tflite::InterpreterBuilder(*model, operators)(&run); run->AllocateTensors();
std::memcpy(run->typed_input_tensor<uint8_t>(0), rgb, {height} * {width} * 3);
run->Invoke(); const uint8_t* classes = run->typed_output_tensor<uint8_t>(0);
"""

KOTLIN = """\
val model = FileUtil.loadMappedFile(context, "{file}")
val run = org.tensorflow.lite.Interpreter(model)
val rgb = ByteBuffer.allocateDirect({height} * {width} * 3)      // fill: R, G, B
val classes = ByteBuffer.allocateDirect({height} * {width})
run.run(rgb, classes)
val first = classes.get(0).toInt() and 0xFF
"""

SWIFT = """\
import TensorFlowLite
let path = Bundle.main.path(forResource: "{stem}", ofType: "tflite")!
let run = try Interpreter(modelPath: path)
try run.allocateTensors()
try run.copy(rgb, toInputAt: 0)  // Data of {height} * {width} * 3 bytes: R, G, B
try run.invoke(); let classes = [UInt8](try run.output(at: 0).data)
"""

JAVASCRIPT = """\
import {{loadLiteRt, loadAndCompile, Tensor}} from '@litertjs/core';
await loadLiteRt('/wasm/');  // the folder wasm/ of the package
const model = await loadAndCompile('/{file}', {{accelerator: 'wasm'}});
const image = new Tensor(rgb, [1, {height}, {width}, 3]);  // rgb: Uint8Array
const [output] = await model.run(image);
const classes = output.toTypedArray();  // {height} * {width} ids
"""

LANGUAGES: dict[str, tuple[str, str]] = {
    "Python": ("python", PYTHON),
    "C++": ("cpp", CPP),
    "Kotlin": ("kotlin", KOTLIN),
    "Swift": ("swift", SWIFT),
    "JavaScript": ("js", JAVASCRIPT),
}


def for_file(file: str, height: int, width: int) -> dict[str, tuple[str, str]]:
    """Language -> its name for a syntax highlighter, and the lines for this file.

    height, width: of the network, pixels.
    """
    stem = file.rsplit(".", 1)[0]
    values = {"file": file, "stem": stem, "height": height, "width": width}
    return {
        language: (short, lines.format(**values))
        for language, (short, lines) in LANGUAGES.items()
    }
