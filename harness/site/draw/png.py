"""A drawing as PNG, for places that take no SVG: asked for with `--png`, since a picture costs more than its whole page."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from harness.errors import BadInput
from harness.extras import missing

WIDTH = 1280
# (regular, bold) and the family. One is enough: with the system's fonts all loaded, a picture would take four times as long.
FONTS = (
    ("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf", "DejaVu Sans"),
    ("/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
     "/usr/share/fonts/truetype/liberation/LiberationSans-Bold.ttf", "Liberation Sans"),
    ("/System/Library/Fonts/Supplemental/Arial.ttf", "/System/Library/Fonts/Supplemental/Arial Bold.ttf", "Arial"),
)  # fmt: skip


def png(svg: str) -> bytes:
    """The picture of a drawing that stands alone, on its own ground. Raises `BadInput` where what draws it is not installed."""
    try:
        import resvg_py
    except ImportError as error:
        raise missing("png", "resvg_py", "--png") from error
    files, family = _font()
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg, width=WIDTH, background="#ffffff", skip_system_fonts=True, font_files=files,
            font_family=family, sans_serif_family=family,
        )
    )  # fmt: skip


@cache
def _font() -> tuple[list[str], str]:
    for regular, bold, family in FONTS:
        if Path(regular).is_file():
            return [path for path in (regular, bold) if Path(path).is_file()], family
    raise BadInput("finds no font to draw letters with", where="--png", fix="apt-get install fonts-dejavu-core")
