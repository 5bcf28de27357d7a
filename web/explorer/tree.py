"""A proof drawn as a tree: where each hash stands in the picture, and the same in words.

The leaf stands at the bottom and the root at the top; each row holds our hash and its sibling, left
and right as they are hashed. The picture grows with the logarithm of the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.core.proof_steps import ProofStep, TreeNode

WIDTH = 360
BOX_WIDTH, BOX_HEIGHT, ROW_HEIGHT = 168, 40, 66
_LEFT, _RIGHT, _MIDDLE = 6, WIDTH - BOX_WIDTH - 6, (WIDTH - BOX_WIDTH) // 2
_MARGIN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A hash of the picture; ``role`` is ``leaf``, ``ours``, ``sibling`` or ``root``."""

    role: str
    x: int
    y: int
    digest: str
    leaves: str

    @property
    def middle(self) -> int:
        """Where lines meet the box."""
        return self.x + BOX_WIDTH // 2

    @property
    def bottom(self) -> int:
        """Where it ends."""
        return self.y + BOX_HEIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """From a hash up to the one that it is hashed into; ``role`` as the lower box has it."""

    role: str
    x1: int
    y1: int
    x2: int
    y2: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The drawn tree and the words for it, lowest step first."""

    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    words: tuple[str, ...]
    width: int = WIDTH
    box_width: int = BOX_WIDTH
    box_height: int = BOX_HEIGHT


def draw(leaf: TreeNode, steps: Sequence[ProofStep]) -> Picture:
    """Return the picture of a proof from ``leaf`` to the root."""
    rows = len(steps)
    height = _MARGIN * 2 + rows * ROW_HEIGHT + BOX_HEIGHT
    ours = [leaf, *(step.parent for step in steps)]
    boxes: list[Box] = []
    lines: list[Line] = []
    above: Box | None = None
    for level in range(rows, -1, -1):
        y = _MARGIN + (rows - level) * ROW_HEIGHT
        step = steps[level] if level < rows else None
        x = _MIDDLE if step is None else (_RIGHT if step.is_left else _LEFT)
        role = "leaf" if level == 0 else "root" if step is None else "ours"
        ours_here = _box(role, x, y, ours[level])
        row = [ours_here]
        if step is not None:
            row.append(_box("sibling", _LEFT if step.is_left else _RIGHT, y, step.sibling))
        if above is not None:
            lines += [
                Line(role=box.role, x1=box.middle, y1=box.y, x2=above.middle, y2=above.bottom)
                for box in row
            ]
        boxes += row
        above = ours_here
    words = tuple(_words(step) for step in steps)
    return Picture(height=height, boxes=tuple(boxes), lines=tuple(lines), words=words)


def _box(role: str, x: int, y: int, node: TreeNode) -> Box:
    return Box(role=role, x=x, y=y, digest=f"{node.digest.hex()[:12]}…", leaves=_leaves(node))


def _leaves(node: TreeNode) -> str:
    return f"leaf {node.first}" if node.first == node.last else _range(node)


def _range(node: TreeNode) -> str:
    return str(node.first) if node.first == node.last else f"{node.first} to {node.last}"


def _words(step: ProofStep) -> str:
    side = "left" if step.is_left else "right"
    return (
        f"{step.node.digest.hex()} (leaves {_range(step.node)}) is hashed with"
        f" {step.sibling.digest.hex()} (leaves {_range(step.sibling)}) on its {side},"
        f" which gives {step.parent.digest.hex()}."
    )
