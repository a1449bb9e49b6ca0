"""Image: what becomes of a picture's pixels, and which files are refused, by their headers alone."""

import hashlib
import io
import json
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
from fake_world import ROOT
from PIL import Image

from runtime.errors import UserError
from runtime.image import load_image

SHAPE = (24, 40)
RGB = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), np.uint8)


def png(width, height, bits=1, rows=None):
    """A grey PNG, written row by row so that none of it is ever whole in memory; without `rows` all is 0."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    deflate, data = zlib.compressobj(1), b""
    for row in rows if rows is not None else [bytes((width * bits + 7) // 8)] * height:
        data += deflate.compress(b"\0" + row)
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", data + deflate.flush()), chunk(b"IEND", b"")]
    )


def header_only(width, height):
    """A PNG that says how large it is and has no pixels."""
    return png(width, height, rows=[])


def encoded(picture, kind="PNG", **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture
def load(tmp_path):
    """load_image of some bytes; any warning that leaks out is an error."""

    def load_bytes(content):
        path = tmp_path / "start.png"
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return load_image(path)

    return load_bytes


def palette():
    picture = Image.fromarray(RGB // 64 * 64).quantize(64)
    return picture, np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (Image.fromarray(RGB), RGB),
        (Image.fromarray(RGB[..., 0]), np.repeat(RGB[..., :1], 3, -1)),
        (Image.fromarray(RGB[..., 0] > 99), np.repeat(RGB[..., :1] > 99, 3, -1) * np.uint8(255)),
        palette(),
        (Image.fromarray(np.dstack([RGB, np.full(SHAPE, 255, np.uint8)])), RGB),
        (Image.fromarray(np.dstack([RGB, np.zeros(SHAPE, np.uint8)])), np.zeros_like(RGB)),
        (Image.fromarray(RGB[..., 0].astype(np.uint16) * 257), np.repeat(RGB[..., :1], 3, -1)),
    ],
    ids=["rgb", "grey", "one bit", "palette", "opaque", "transparent on black", "16 bits"],
)
def test_every_kind_of_png_becomes_rgb(load, picture, expected):
    image = load(encoded(picture))
    assert image.pixels.dtype == np.uint8 and image.pixels.flags.c_contiguous
    assert np.array_equal(image.pixels, expected)


def test_a_photograph_is_turned_upright_as_its_exif_says(load):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90 degrees clockwise to look at it
    lying = np.zeros((32, 64, 3), np.uint8)
    lying[:, :32] = 255
    image = load(encoded(Image.fromarray(lying), "JPEG", exif=exif, quality=95))
    assert image.pixels.shape == (64, 32, 3)
    assert image.pixels[:30].min() > 200 and image.pixels[34:].max() < 50


@pytest.mark.parametrize("size", [(16, 16), (16, 16384)])
def test_the_smallest_sides_and_the_longest_are_taken(load, size):
    assert load(png(*size)).pixels.shape == (size[1], size[0], 3)


@pytest.mark.parametrize(
    "size", [(1, 1), (15, 16), (16, 15), (16, 16385), (16385, 16), (10001, 10000), (12000, 12000), (100000, 100000)]
)
def test_sizes_are_refused_by_the_header(load, size):
    with pytest.raises(UserError, match=f"the image is {size[0]}x{size[1]} pixels .*16 to 16384 .*100 million"):
        load(header_only(*size))


def test_a_picture_too_large_is_refused_without_its_pixels(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png(20000, 20000))
    assert path.stat().st_size < 500_000
    program = """
import json, sys, time
from pathlib import Path
from runtime import process
from runtime.errors import UserError
from runtime.image import load_image
before, started = process.peak_rss_mb(), time.perf_counter()
try:
    load_image(Path(sys.argv[1]))
except UserError as error:
    print(json.dumps([str(error), process.peak_rss_mb() - before, time.perf_counter() - started]))
"""
    command = [sys.executable, "-W", "error", "-c", program, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    told, grown_mb, seconds = json.loads(done.stdout)
    assert "20000x20000" in told and done.stderr == ""
    assert grown_mb < 20 and seconds < 1.0


WHOLE_PNG, WHOLE_JPEG = encoded(Image.fromarray(RGB)), encoded(Image.fromarray(RGB), "JPEG")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"this is no picture\n", "does not begin like a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n", "does not begin like a picture"),
        (WHOLE_PNG[:20], "cut off"),
        (WHOLE_PNG[: len(WHOLE_PNG) // 2], "cut off"),
        (WHOLE_JPEG[: len(WHOLE_JPEG) // 2], "cut off"),
        (WHOLE_PNG[:90] + bytes(90) + WHOLE_PNG[180:], "damaged"),
    ],
    ids=["empty", "text", "postscript", "png header", "png", "jpeg", "damaged"],
)
def test_what_is_no_whole_picture_is_told_in_one_line(load, content, words):
    with pytest.raises(UserError) as caught:
        load(content)
    told = str(caught.value)
    assert told.startswith("cannot read the image (") and "start.png" in told and words in told and "\n" not in told
    assert told.endswith("give a PNG or JPEG file")


def test_a_picture_cut_anywhere_is_read_or_told(load):
    exif = Image.Exif()
    exif[0x0112] = 6
    refused = 0
    for whole in (WHOLE_PNG, encoded(Image.fromarray(RGB), "JPEG", exif=exif)):
        for cut in range(0, len(whole), 23):
            try:
                load(whole[:cut])
            except UserError:
                refused += 1
    assert refused > 100


@pytest.mark.parametrize("name", ["missing.png", "."])
def test_a_path_that_is_no_file_is_told(tmp_path, name):
    with pytest.raises(UserError, match="cannot read the image"):
        load_image(tmp_path / name)


def test_the_digest_is_the_file_s(load, tmp_path):
    image = load(WHOLE_PNG)
    assert image.sha256 == hashlib.sha256(WHOLE_PNG).hexdigest() and image.path == str(tmp_path / "start.png")
