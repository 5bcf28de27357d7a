"""Films for a browser's camera: symbols drawn as a printer does, in a file that Chromium plays."""

from collections.abc import Sequence
from pathlib import Path

import zxingcpp
from zxingcpp import BarcodeFormat

WIDTH, HEIGHT = 640, 480
FRAMES_PER_SECOND = 5
_WHITE = 255


def element_string(serial: str, *, gtin: str, lot: str = "L1", expiry: str = "281231") -> str:
    """Return what a pack's symbol says, in the spelling for people."""
    return f"(01){gtin}(17){expiry}(10){lot}(21){serial}"


def data_matrix(text: str, *, square: bool = True) -> bytes:
    """Return a picture (8-bit grey) of a GS1 DataMatrix."""
    return _picture(text, BarcodeFormat.DataMatrix, gs1=True, force_square=square)


def qr_code(text: str) -> bytes:
    """Return a picture of a QR code that holds a Digital Link."""
    return _picture(text, BarcodeFormat.QRCode)


def code_128(text: str) -> bytes:
    """Return a picture of a GS1-128."""
    return _picture(text, BarcodeFormat.Code128, gs1=True)


def data_bar(text: str) -> bytes:
    """Return a picture of a GS1 DataBar Expanded."""
    return _picture(text, BarcodeFormat.DataBarExp, gs1=True)


def beside(left: bytes, right: bytes) -> bytes:
    """Return a picture of two symbols, each from the middle of its own picture."""
    half = WIDTH // 2
    rows = range(0, WIDTH * HEIGHT, WIDTH)
    quarter = half // 2
    return b"".join(
        left[row + quarter : row + quarter + half] + right[row + quarter : row + quarter + half]
        for row in rows
    )


def film(path: Path, scenes: Sequence[tuple[bytes | None, float]]) -> Path:
    """Write pictures (``None``: nothing in view), each for so many seconds; Chromium repeats it."""
    header = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FRAMES_PER_SECOND}:1 Ip A1:1 C420\n"
    grey = bytes([128]) * (WIDTH * HEIGHT // 2)  # both colour planes
    with path.open("wb") as file:
        file.write(header.encode())
        for picture, seconds in scenes:
            light = picture or bytes([_WHITE]) * (WIDTH * HEIGHT)
            file.write((b"FRAME\n" + light + grey) * int(seconds * FRAMES_PER_SECOND))
    return path


def _picture(text: str, symbol: BarcodeFormat, **options: bool) -> bytes:
    barcode = zxingcpp.create_barcode(text, symbol, **options)
    plain = zxingcpp.write_barcode_to_image(barcode, scale=1)
    scale = max(1, min(280 // max(plain.shape[:2]), 6))
    image = zxingcpp.write_barcode_to_image(barcode, scale=scale)
    height, width = image.shape[:2]
    rows = bytes(memoryview(image))  # type: ignore[arg-type] # a buffer, which its stub leaves out
    canvas = bytearray([_WHITE]) * (WIDTH * HEIGHT)
    left, top = (WIDTH - width) // 2, (HEIGHT - height) // 2
    for row in range(height):
        start = (top + row) * WIDTH + left
        canvas[start : start + width] = rows[row * width : (row + 1) * width]
    return bytes(canvas)
