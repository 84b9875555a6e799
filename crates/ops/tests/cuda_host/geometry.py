"""Launch shapes, as crates/ops/src/cuda/launch.rs has them."""

WIDTH = {"f32": 1, "f32x4": 4, "f64": 1, "f64x2": 2, "bf16": 1, "bf16x8": 8}


def ceil(a: int, b: int) -> int:
    return -(-a // b)


def block(channels: int, width: int) -> tuple[int, int, int]:
    """Threads along channels and along rows, and the blocks that the channels take."""
    columns = ceil(channels, width)
    x = 1
    while x < min(columns, 32):
        x *= 2
    return x, 256 // x, ceil(columns, x)


def rows(count: int, channels: int, width: int):
    """Grid and block of a pass over rows."""
    x, y, blocks = block(channels, width)
    return (blocks, min(ceil(count, 4 * y), max(1, 8192 // blocks), 65535)), (x, y)


def pixels(images: int, count: int, channels: int, width: int):
    """Grid and block of a pass over the rows of each image."""
    x, y, blocks = block(channels, width)
    deep = min(images, 65535)
    return (blocks, min(ceil(count, 4 * y), max(1, 8192 // (blocks * deep)), 65535), deep), (x, y)


def sums(images: int, count: int, channels: int, width: int):
    """Grid and block of a first-stage reduction; the number of splits is grid[2]."""
    x, y, blocks = block(channels, width)
    splits = min(max(1, 1024 // (blocks * images)), ceil(count, 4 * y))
    return (blocks, min(images, 65535), splits), (x, y)


def combine(channels: int, images: int, count: int):
    """Grid and block of a second-stage reduction of `count` addends."""
    y = 1
    while y < min(ceil(count, 4), 32):
        y *= 2
    x = 256 // y
    return (ceil(channels, x), min(images, 65535)), (x, y)


def flat(count: int):
    """Grid and block of a pass over single values."""
    return (min(ceil(count, 256), 8192),), (256,)
