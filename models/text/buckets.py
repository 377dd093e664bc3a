"""Batches of texts of like length."""

# Ratio of one bucket's longest row to the last's: the padding wasted stays under half of it.
_GROWTH = 1.2


def bucket_boundaries(longest: int) -> list[int]:
    """Lengths that part the buckets: each `_GROWTH` times the last, up to `longest`."""
    boundaries = [4]
    while boundaries[-1] < longest:
        boundaries.append(max(boundaries[-1] + 2, int(boundaries[-1] * _GROWTH)))
    return boundaries
