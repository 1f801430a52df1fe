"""The same picture gives a network the same float input on every way to it.

Ways: records through tf.data (training, evaluation), SavedModel bytes, `predict` with
a run, `predict --litert`. A network that shows its input in its answers proves it.
"""

import io
import struct
import zlib

import jpeg_png
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kerasseg.data import pipeline, records
from kerasseg.data.format.example import decode_image
from kerasseg.data.reading.pictures import image as images
from kerasseg.data.sample import Sample
from kerasseg.export.litert import conversion
from kerasseg.export.saved_model import encoded, signatures
from kerasseg.files import exif
from kerasseg.inference import class_maps, litert
from kerasseg.inference.network_input import network_input
from kerasseg.taxonomy import Taxonomy

SIZE = (64, 96)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF>'
    b"</x:xmpmeta>"
)


def scene(height, width, seed=0):
    """Soft gradients, hard edges, saturated colours and noise, as a photo has them."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    red, green = 128 + 100 * np.sin(x / 7 + y / 11), 255 * y / max(height - 1, 1)
    image = np.stack([red, green, 128 + 90 * np.cos(x * y / 200)], -1)
    image[height // 3 : height // 2, width // 4 : width // 2] = (250, 10, 20)
    image += random.normal(0, 6, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def pictures() -> dict[str, bytes]:
    """File names and contents: one of each kind in each of some sizes."""
    found = {}
    for height, width in (SIZE, (61, 97), (150, 203), (33, 20), (128, 192)):
        image = scene(height, width)
        name = f"{height}x{width}"
        for sampling, kind in enumerate(("444", "422", "420")):
            options = {"subsampling": sampling, "quality": 75 + 10 * sampling}
            found[f"{name}_{kind}.jpg"] = jpeg_png.encoded(image, **options)
            data = jpeg_png.encoded(image, progressive=True, **options)
            found[f"{name}_{kind}_progressive.jpg"] = data
        for turn in (1, 3, 5, 6, 8):
            found[f"{name}_turned{turn}.jpg"] = jpeg_png.encoded(image, "JPEG", turn)
        found[f"{name}_turned7.png"] = jpeg_png.encoded(image, "PNG", 7)
        found[f"{name}_gray.jpg"] = jpeg_png.encoded(image[..., 0])
        found[f"{name}_gray.png"] = jpeg_png.encoded(image[..., 0], "PNG")
        alpha = np.arange(height * width).reshape(height, width, 1).astype(np.uint8)
        with_alpha = np.concatenate([image, alpha], -1)
        found[f"{name}_alpha.png"] = jpeg_png.encoded(with_alpha, "PNG")
        found[f"{name}_gray_alpha.png"] = jpeg_png.encoded(
            with_alpha[..., [0, 3]], "PNG"
        )
        out = io.BytesIO()
        Image.fromarray(image).convert("P").save(out, "PNG", transparency=3)
        found[f"{name}_palette.png"] = out.getvalue()
    found["from_tensorflow.jpg"] = tf.io.encode_jpeg(scene(47, 99)).numpy()
    found["one_pixel.jpg"] = jpeg_png.encoded(scene(1, 1))
    xmp = b"http://ns.adobe.com/xap/1.0/\0" + XMP
    found["xmp_only.jpg"] = with_segments(jpeg_png.encoded(scene(50, 70)), xmp)
    return found


def with_segments(jpeg: bytes, *contents: bytes) -> bytes:
    segments = [b"\xff\xe1" + struct.pack(">H", len(c) + 2) + c for c in contents]
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def with_chunk(png: bytes, place: int, name: bytes, data: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(name + data))
    chunk = struct.pack(">I", len(data)) + name + data + crc
    return png[:place] + chunk + png[place:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for name, data in pictures().items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def network():
    """Logits are red, green, blue / 64 and 0, so probabilities tell the input."""
    image = keras.Input((*SIZE, 3), name="image")
    layer = keras.layers.Conv2D(4, 1, use_bias=False)
    network = keras.Model(image, layer(image))
    layer.set_weights([np.eye(3, 4, dtype=np.float32)[None, None] / 64])
    return network


def levels(probabilities) -> np.ndarray:
    """The float input, to 1e-3 of a grey level."""
    p = np.asarray(probabilities, np.float64)
    return 64 * np.log(p[..., :3] / p[..., 3:])


def test_every_way_gives_the_same_input(folder, network, tmp_path):
    names = sorted(path.name for path in folder.iterdir())

    # ---- Records, read as evaluation reads them: the truth of this test ------------
    def samples():
        for name in names:
            image, kept = images.read_image(folder / name)
            label = np.zeros(image.shape[:2], np.uint8)
            yield Sample(id=name, image=image, label=label, encoded=kept)

    taxonomy = Taxonomy.numbered(4)
    records.write(samples(), tmp_path / "records", "val", taxonomy=taxonomy)
    batches = pipeline.batches(tmp_path / "records", "val", batch_size=8, size=SIZE)
    expected = np.concatenate([batch["image"].numpy() for batch in batches])
    assert expected.std() > 30
    plain = f"{SIZE[0]}x{SIZE[1]}_444.jpg"
    stored = {sample.id: sample for sample in records.read(tmp_path / "records", "val")}
    assert stored[plain].encoded == (folder / plain).read_bytes()

    # ---- SavedModel bytes ------------------------------------------------------------
    path = signatures.write(network, tmp_path / "1", taxonomy)
    served = tf.saved_model.load(str(path)).signatures["serve_probabilities"]
    data = tf.constant([(folder / name).read_bytes() for name in names])
    served = levels(served(image_bytes=data)["probabilities"])
    np.testing.assert_allclose(served, expected, rtol=0, atol=2e-3)

    # ---- predict --litert and predict --run ------------------------------------------
    device = litert.Model(
        conversion.write(
            network, tmp_path / "model.tflite", signatures=["probabilities"]
        ),
        threads=1,
    )
    segment = class_maps.segmenter(network)
    for name, pixels in zip(names, expected, strict=True):
        image, _ = network_input(folder / name)
        np.testing.assert_array_equal(image, stored[name].image, err_msg=name)
        given = litert.stretched(image, *SIZE)
        np.testing.assert_array_equal(given, pixels, err_msg=name)
        seen = levels(device.probabilities(given))
        np.testing.assert_allclose(seen, pixels, rtol=0, atol=2e-3, err_msg=name)
        if image.shape[:2] == SIZE:  # no resize back
            brightest = np.argmax([*np.moveaxis(pixels, -1, 0), 0 * pixels[..., 0]], 0)
            np.testing.assert_array_equal(segment(image), brightest)
            np.testing.assert_array_equal(device.segment(image), brightest)


@pytest.mark.parametrize("size", [(1080, 1920), (375, 1242), (97, 131), (2000, 3)])
def test_large_and_narrow_pictures_shrink_alike(size):
    from kerasseg.data.resize import resize_image

    image = scene(*size)
    for target in (SIZE, (192, 288), (513, 513)):
        expected = resize_image(image, target).numpy()
        np.testing.assert_array_equal(litert.stretched(image, *target), expected)


@tf.function(input_signature=[tf.TensorSpec((), tf.string)])
def in_graph(data):
    return encoded.header(data)[2]


@given(
    st.sampled_from(["JPEG", "PNG"]),
    st.integers(0, 9),
    st.sampled_from("<>"),
    st.lists(st.tuples(st.integers(0, 150), st.binary(min_size=1, max_size=4))),
    st.integers(1, 4000),
)
@settings(deadline=None, max_examples=25)
def test_one_rule_of_orientation_whatever_the_bytes(kind, turn, order, spoils, length):
    data = jpeg_png.encoded(scene(20, 30), kind, turn, order)
    for place, spoil in spoils:
        data = data[:place] + spoil + data[place + len(spoil) :]
    data = data[:length]
    assert exif.orientation(data) == int(in_graph(data))


def test_tags_that_libraries_read_differently(tmp_path):
    """A tag of another type, a chunk after the pixels, text: one answer on all ways."""
    jpeg, png = jpeg_png.encoded(scene(40, 60)), jpeg_png.encoded(scene(40, 60), "PNG")
    six, three = b"Exif\0\0" + jpeg_png.exif(6), b"Exif\0\0" + jpeg_png.exif(3)
    long = struct.pack(">HHHIII", 1, 0x112, 4, 1, 6, 0)
    upper = six[6:].hex().encode()
    text = b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n      26\n" + upper)
    cases = {
        "long.jpg": (with_segments(jpeg, b"Exif\0\0MM\0*\0\0\0\x08" + long), 1),
        "two.jpg": (with_segments(jpeg, six, three), 6),
        "spoiled.jpg": (with_segments(jpeg, b"Exif\0\0MM\0*\0\0\xff\xff"), 1),
        "after.png": (with_chunk(png, len(png) - 12, b"eXIf", six[6:]), 1),
        "before.png": (with_chunk(png, 33, b"eXIf", six[6:]), 6),
        "text.png": (with_chunk(png, 33, b"zTXt", text), 1),
    }
    for name, (data, turn) in cases.items():
        (tmp_path / name).write_bytes(data)
        assert exif.orientation(data) == turn, name
        size = (60, 40) if turn == 6 else (40, 60)
        assert images.size_of(tmp_path / name) == size, name
        image = images.read_image(tmp_path / name)[0]
        assert image.shape[:2] == size, name
        np.testing.assert_array_equal(network_input(tmp_path / name)[0], image)
        np.testing.assert_array_equal(encoded.upright(tf.constant(data), 0), image)


def test_print_colours_are_the_same_everywhere(tmp_path):
    """CMYK: OpenCV would round it otherwise, one grey level off."""
    out = io.BytesIO()
    Image.fromarray(scene(61, 97)).convert("CMYK").save(out, "JPEG")
    (tmp_path / "a.jpg").write_bytes(out.getvalue())
    image = images.read_image(tmp_path / "a.jpg")[0]
    np.testing.assert_array_equal(decode_image(out.getvalue()), image)
    np.testing.assert_array_equal(network_input(tmp_path / "a.jpg")[0], image)


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "WEBP"])
def test_other_formats_are_read_as_for_records(tmp_path, kind):
    file = tmp_path / f"a.{kind.lower()}"
    for turn in (0, 6):
        if kind == "BMP" and turn:
            continue
        options = {"exif": jpeg_png.exif(turn)} if turn else {}
        Image.fromarray(scene(40, 61)).save(file, kind, **options)
        image = images.read_image(file)[0]
        np.testing.assert_array_equal(network_input(file)[0], image)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_cut_short_is_refused_on_every_way(tmp_path, kind):
    data = jpeg_png.encoded(scene(40, 60), kind)
    file = tmp_path / "cut.jpg"
    for length in (20, len(data) // 2, len(data) - 30):
        file.write_bytes(data[:length])
        with pytest.raises(ValueError, match="cannot be read"):
            images.read_image(file)
        with pytest.raises(ValueError, match="cannot be read"):
            network_input(file)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"image_bytes\[0\]"):
            encoded.upright(tf.constant(data[:length]), 0)
