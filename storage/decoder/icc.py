"""An ICC profile made of numbers: chromaticities and a curve. So one library, Little CMS, converts all colours.

Knows: ICC.1:2022 (matrix/TRC profiles, parametric curves). Does not know: where the numbers come from.
"""

import struct
from typing import NamedTuple

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]  # rows

D50: Vector = (0.9642, 1.0, 0.8249)
BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


class Primaries(NamedTuple):
    """CIE 1931 xy of the white and of each primary."""

    white: tuple[float, float]
    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]


class Curve(NamedTuple):
    """Encoded value -> light: (a * x + b) ** g, and c * x below d. ICC's parametric function of type 3."""

    g: float
    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 0.0


def rgb_profile(primaries: Primaries, curve: Curve) -> bytes:
    """A display profile. Raises ZeroDivisionError, OverflowError or struct.error if no colours are such."""
    columns = tuple(zip(*_to_d50(primaries), strict=True))
    trc = b"para" + struct.pack(">4xH2x", 3) + _fixed(curve.g, curve.a, curve.b, curve.c, curve.d)
    tags = {b"wtpt": _xyz(D50)}
    tags |= {name + b"XYZ": _xyz(column) for name, column in zip((b"r", b"g", b"b"), columns, strict=True)}
    tags |= {name + b"TRC": trc for name in (b"r", b"g", b"b")}
    table, body = struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, 128 + 4 + 12 * len(tags) + len(body), len(tag))
        body += tag
    return _header(128 + len(table) + len(body)) + table + body


def _header(size: int) -> bytes:
    return (
        struct.pack(">I4xI4s4s4s12x4s", size, 0x04400000, b"mntr", b"RGB ", b"XYZ ", b"acsp") + bytes(28) + _fixed(*D50)
    ).ljust(128, b"\0")


def _xyz(vector: Vector) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*vector)


def _fixed(*values: float) -> bytes:
    """s15Fixed16Number each."""
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _to_d50(primaries: Primaries) -> Matrix:
    """Linear RGB -> XYZ under D50, where a profile's colours are: http://www.brucelindbloom.com, RGB/XYZ Matrices."""
    red, green, blue = (_light(*xy) for xy in (primaries.red, primaries.green, primaries.blue))
    white = _light(*primaries.white)
    white = white[0] / white[1], 1.0, white[2] / white[1]
    unscaled = _transposed((red, green, blue))
    scale = _applied(_inverse(unscaled), white)
    own = _product(unscaled, _diagonal(scale))
    there, here = _applied(BRADFORD, white), _applied(BRADFORD, D50)
    cones = _diagonal((here[0] / there[0], here[1] / there[1], here[2] / there[2]))
    return _product(_product(_inverse(BRADFORD), _product(cones, BRADFORD)), own)


def _light(x: float, y: float) -> Vector:
    """XYZ, of any brightness."""
    return x, y, 1 - x - y


def _diagonal(values: Vector) -> Matrix:
    return (values[0], 0.0, 0.0), (0.0, values[1], 0.0), (0.0, 0.0, values[2])


def _transposed(m: Matrix) -> Matrix:
    return (m[0][0], m[1][0], m[2][0]), (m[0][1], m[1][1], m[2][1]), (m[0][2], m[1][2], m[2][2])


def _applied(m: Matrix, v: Vector) -> Vector:
    return _dot(m[0], v), _dot(m[1], v), _dot(m[2], v)


def _product(a: Matrix, b: Matrix) -> Matrix:
    return _transposed((_applied(a, _transposed(b)[0]), _applied(a, _transposed(b)[1]), _applied(a, _transposed(b)[2])))


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _inverse(m: Matrix) -> Matrix:
    """By cross products of the rows, which are the inverse's columns but for the determinant."""
    columns = _cross(m[1], m[2]), _cross(m[2], m[0]), _cross(m[0], m[1])
    determinant = _dot(m[0], columns[0])
    return _transposed(tuple(tuple(value / determinant for value in column) for column in columns))  # pyright: ignore
