"""The photographs: finding them, and making them small."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

from examples.shop.files import replacing

#: The longest side of each kind of thumbnail, in pixels.
SIZES = {"small": 160, "medium": 320, "large": 640}
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"}


def find_photos(folder: Path) -> list[Path]:
    """List the photographs of a folder by name; raises OSError."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def size_of(photo: Path) -> tuple[int, int]:
    """Return width and height in pixels as the photograph is to be seen; raises OSError."""
    with Image.open(photo) as image:
        return ImageOps.exif_transpose(image).size


def thumbnail_path(out: Path, photo: str, size: str) -> Path:
    return out / "thumbnails" / size / photo


def shrink(photo: Path, out: Path, size: str) -> None:
    """Save the photograph so that neither side is longer than `SIZES[size]`."""
    with Image.open(photo) as image:
        # A JPEG is decoded at a fraction of its size, which is most of the work.
        image.draft(None, (2 * SIZES[size], 2 * SIZES[size]))
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((SIZES[size], SIZES[size]))
        with replacing(thumbnail_path(out, photo.name, size)) as part:
            upright.save(part)
