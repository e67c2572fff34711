"""Colours as a browser shows them, whatever way a file says what its numbers mean; HDR is refused, not misread."""

import io
import struct
import zlib

import pytest
from PIL import Image, ImageCms

from storage.decoder.colours import PRIMARIES, SRGB, of_boxes, of_png, refuse_hdr, to_srgb
from storage.decoder.icc import Curve, rgb_profile
from storage.decoder.png import taken_apart
from storage.decoder.reasons import BadPhoto
from storage.decoder.verdict import answer
from tests.bench.photos_parts import ADOBE_RGB, Colours, by_gamma, by_numbers, by_profile, saved, with_numbers
from tests.helpers import hostile
from tests.helpers.png import Layout, chunk, png

GREY_AND_COLOURS = [(64, 64, 64), (200, 200, 200), (200, 30, 30), (30, 180, 90), (20, 40, 220)]


def patches(colours: list[tuple[int, ...]], mode: str = "RGB") -> Image.Image:
    """A column 20 pixels wide for each."""
    image = Image.new(mode, (20 * len(colours), 64))
    for n, colour in enumerate(colours):
        image.paste(colour, (20 * n, 0, 20 * n + 20, 64))
    return image


def shown(data: bytes) -> list[tuple[int, ...]]:
    """The columns' colours, as they were taken."""
    head, _, picture = answer(data, least_px=8).partition(b"\n")
    assert picture, head
    with Image.open(io.BytesIO(picture)) as image:
        return [image.getpixel((x, 30)) for x in range(10, image.width, 20)]


def near(one: list[tuple[int, ...]], other: list[tuple[int, ...]], most: int = 3) -> bool:
    return all(abs(a - b) <= most for p, q in zip(one, other, strict=True) for a, b in zip(p, q, strict=True))


def as_png(image: Image.Image, chunks: bytes = b"") -> bytes:
    data = saved(image, "PNG")
    return data[:33] + chunks + data[33:]


WAYS: dict[str, Colours] = {
    "cICP, Display P3": by_numbers(12, 13),
    "cICP, BT.2020": by_numbers(9, 13),
    "cICP, BT.2020 with a film's curve": by_numbers(9, 1),
    "cICP, as in cinemas": by_numbers(11, 17),
    "cICP, linear": by_numbers(1, 8),
    "iCCP": by_profile(PRIMARIES[12]),
    "gAMA and cHRM": by_gamma(1.8, ADOBE_RGB),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_numbers_become_srgb(way: Colours):
    wanted = patches(GREY_AND_COLOURS)
    stored = way.encoded(wanted)
    assert stored.tobytes() != wanted.tobytes()
    assert near(shown(as_png(stored, way.chunks)), GREY_AND_COLOURS)


def test_a_png_s_ways_have_an_order():
    """cICP, iCCP, sRGB, gAMA: what comes first counts alone."""
    wide, own, srgb, gamma = WAYS["cICP, BT.2020"], WAYS["iCCP"], chunk(b"sRGB", b"\0"), by_gamma(1.0, ADOBE_RGB)
    picture = patches(GREY_AND_COLOURS)
    ranked = [(wide.chunks, wide.profile), (own.chunks, own.profile), (srgb, None), (gamma.chunks, gamma.profile)]
    for n, (_, profile) in enumerate(ranked):
        chunks = b"".join(chunks for chunks, _ in reversed(ranked[n:]))
        assert of_png(taken_apart(as_png(picture, chunks))) == profile


NO_COLOURS = [chunk(b"gAMA", bytes(4)), chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"cHRM", bytes(32))]


@pytest.mark.parametrize("chunks", NO_COLOURS)
def test_numbers_that_are_no_colours_count_for_nothing(chunks: bytes):
    assert near(shown(as_png(patches(GREY_AND_COLOURS), chunks)), GREY_AND_COLOURS, most=0)


def test_a_chunk_with_a_wrong_checksum_counts_for_nothing():
    chunks = bytearray(WAYS["cICP, BT.2020"].chunks)
    chunks[-1] ^= 1
    assert near(shown(as_png(patches(GREY_AND_COLOURS), bytes(chunks))), GREY_AND_COLOURS, most=0)


@pytest.mark.parametrize("transfer", [16, 18])
@pytest.mark.parametrize("make", ["PNG", "AVIF", "HEIF", "JPEG", "WEBP"])
def test_hdr_is_refused(make: str, transfer: int):
    image = hostile.scene()
    icc = rgb_profile(PRIMARIES[9], SRGB)
    count = int.from_bytes(icc[128:132])
    tagged = icc[:128] + struct.pack(">I4sII", count + 1, b"cicp", len(icc) + 12, 12) + icc[132:]
    tagged += b"cicp" + bytes([0, 0, 0, 0, 9, transfer, 0, 1])
    data = {
        "PNG": as_png(image, chunk(b"cICP", bytes([9, transfer, 0, 1]))),
        "AVIF": with_numbers(hostile.avif(), 9, transfer),
        "HEIF": with_numbers(hostile.heic(), 9, transfer),
        "JPEG": saved(image, "JPEG", icc_profile=tagged),
        "WEBP": saved(image, "WEBP", icc_profile=tagged),
    }[make]
    assert answer(data, least_px=8) == b'{"refused": "hdr"}\n'


@pytest.mark.parametrize("make", [hostile.avif, hostile.heic])
def test_boxes_tell_the_primaries(make):
    """Red and blue in BT.2020's numbers are far stronger than sRGB can be."""
    plain, wide = shown(make()), shown(with_numbers(make(), 9, 13))
    assert wide[0][0] > plain[0][0] + 20 and wide[-1][2] > plain[-1][2] + 5
    for unspecified in ((2, 2), (1, 13), (0, 0), (99, 13), (1, 99)):
        assert shown(with_numbers(make(), *unspecified)) == plain


def test_code_points_of_no_photo_are_read_as_srgb():
    assert of_boxes(1, 13) is of_boxes(2, 2) is of_boxes(99, 99) is of_boxes(1, 1) is None


def test_grey_profiles_reach_grey_photos():
    """A print shop's grey is darker than a screen's."""
    grey = patches([(64,), (200,)], "L")
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(1.0 * 256)) + bytes(2)
    tags = [(b"wtpt", b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)), (b"kTRC", curve)]
    table, at = struct.pack(">I", len(tags)), 128 + 4 + 12 * len(tags)
    for name, tag in tags:
        table += struct.pack(">4sII", name, at, len(tag))
        at += len(tag)
    header = bytearray(rgb_profile(PRIMARIES[1], SRGB)[:128])
    header[:4], header[16:20] = struct.pack(">I", at), b"GRAY"
    profile = bytes(header) + table + b"".join(tag for _, tag in tags)
    assert near(shown(saved(grey, "JPEG", quality=100, icc_profile=profile)), [(137,) * 3, (229,) * 3])
    coloured = patches([(64,) * 3, (200,) * 3])
    assert near(shown(saved(coloured, "JPEG", quality=100, icc_profile=profile)), [(64,) * 3, (200,) * 3])


def test_cmyk_is_read_as_adobe_writes_it():
    wanted = [(255, 255, 255), (255, 0, 0), (0, 0, 0), (128, 128, 128)]
    assert near(shown(saved(patches(wanted).convert("CMYK"), "JPEG", quality=100, subsampling=0)), wanted)


@pytest.mark.parametrize("layout", [Layout(2, 0), Layout(4, 0), Layout(16, 0), Layout(8, 2), Layout(16, 2)])
def test_the_transparent_colour_is_found_at_every_depth(layout: Layout):
    """Left in the transparent colour, right in another."""
    most, each = (1 << layout.depth) - 1, 3 if layout.colour_type else 1
    dark, light = most // 3, most // 3 * 2
    samples = ([dark] * each * 20 + [light] * each * 20) * 64
    data = png((40, 64), layout, samples, chunk(b"tRNS", struct.pack(">H", dark) * each))
    assert near(shown(data), [(255,) * 3, (light * 255 // most,) * 3], most=1)


def test_a_profile_that_is_too_long_is_not_unpacked():
    packed = zlib.compress(bytes(64 << 20), 9)
    data = as_png(patches(GREY_AND_COLOURS), chunk(b"iCCP", b"bomb\0\0" + packed))
    assert near(shown(data), GREY_AND_COLOURS, most=0)


def test_a_broken_profile_counts_for_nothing():
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for profile in (b"junk", bytes(200), rgb_profile(PRIMARIES[12], SRGB)[:200], lab):
        data = as_png(patches(GREY_AND_COLOURS), chunk(b"iCCP", b"x\0\0" + zlib.compress(profile)))
        assert near(shown(data), GREY_AND_COLOURS, most=0)


def test_a_profile_made_of_numbers_is_lcms_own_srgb():
    """Which is the only one of them that Little CMS makes, too."""
    image = Image.linear_gradient("L").resize((64, 64))
    image = Image.merge("RGB", [image, image.rotate(90), image.rotate(180)])
    same = to_srgb(image, rgb_profile(PRIMARIES[1], SRGB))
    assert near(list(image.get_flattened_data()), list(same.get_flattened_data()), most=1)
    linear = to_srgb(image, rgb_profile(PRIMARIES[1], Curve(1.0))).getpixel((5, 5))
    encoded = (255 * (1.055 * (value / 255) ** (1 / 2.4) - 0.055) for value in image.getpixel((5, 5)))
    assert near([linear], [tuple(map(round, encoded))], most=1)


def test_a_long_tag_table_ends():
    with pytest.raises(BadPhoto):
        refuse_hdr(bytes(128) + struct.pack(">I4sII", 1, b"cicp", 144, 12) + b"cicp" + bytes([0, 0, 0, 0, 9, 16, 0, 1]))
    refuse_hdr(bytes(128) + b"\xff" * 40)
    refuse_hdr(b"")
