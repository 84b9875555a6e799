"""Where in a picture of a machine's screen the ultrasound is."""

import numpy as np


def fan_of(greys):
    """The largest connected region that is not black, on a grid of cells of about a hundredth of the width, with its
    hollows filled row by row and column by column."""
    height, width = greys.shape[1:]
    cell = max(4, width // 96)
    high, wide = height // cell, width // cell
    cells = greys[:, : high * cell, : wide * cell].reshape(-1, high, cell, wide, cell).mean((0, 2, 4)) > 6
    region = np.zeros_like(cells)
    seen = np.zeros_like(cells)
    for start in zip(*np.nonzero(cells)):
        if seen[start]:
            continue
        stack, members = [start], []
        seen[start] = True
        while stack:
            y, x = stack.pop()
            members.append((y, x))
            for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if 0 <= near[0] < high and 0 <= near[1] < wide and cells[near] and not seen[near]:
                    seen[near] = True
                    stack.append(near)
        if len(members) > region.sum():
            region[:] = False
            region[tuple(np.transpose(members))] = True
    reach = lambda mask, axis: np.maximum.accumulate(mask, axis) & np.flip(np.maximum.accumulate(np.flip(mask, axis), axis), axis)
    filled = reach(region, 1) & reach(region, 0) | region
    fan = np.zeros((height, width), bool)
    fan[: high * cell, : wide * cell] = np.repeat(np.repeat(filled, cell, 0), cell, 1)
    return fan
