"""Trains `tiny_yolo_digits` on canvases with scikit-learn's training digits; judged on its test digits.

Needs scikit-learn.

python -m cedr.frontend.zoo.training.detection
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from cedr.frontend.zoo.digit_images import load_digits
from cedr.frontend.zoo.held_out import DATA
from cedr.frontend.zoo.tiny_yolo_digits import CLASSES, HEADS, SIZE, TinyYoloDigits
from cedr.frontend.zoo.trained import save_trained
from cedr.frontend.zoo.training.loop import digest, start, train
from cedr.frontend.zoo.training.scenes import scene

SEED = 13
HELD_OUT_SEED = 1013
EPOCHS = 18
STEPS = 100
BATCH = 16
HELD_OUT = 120
FITTING_SHAPE_IOU = 0.6
"""Anchors whose shape fits a digit this well are all asked to find it, of both heads; suppression joins their boxes."""

Boxes = Sequence[tuple[int, int, int, int, int]]


def targets_of(scenes: Sequence[Boxes]) -> list[torch.Tensor]:
    """What each head should say: float32 [N, anchors, H, W, 6] of (x, y, width, height, objectness, class).

    Each digit is given to the anchor, of all heads, whose shape fits it best and to those that fit well, in the cell of
    its centre. Objectness is 1 there, else 0; the other numbers count only where it is 1.
    """
    shape = [(len(scenes), len(head.anchors), SIZE // head.stride, SIZE // head.stride, 6) for head in HEADS]
    targets = [torch.zeros(dims) for dims in shape]
    for image, boxes in enumerate(scenes):
        for x1, y1, x2, y2, digit in boxes:
            width, height = x2 - x1, y2 - y1
            fits = [[_shape_iou((width, height), anchor) for anchor in head.anchors] for head in HEADS]
            enough = min(FITTING_SHAPE_IOU, max(max(of_head) for of_head in fits))
            for head, target, of_head in zip(HEADS, targets, fits, strict=True):
                x, y = (x1 + x2) / 2 / head.stride, (y1 + y2) / 2 / head.stride
                for a, fit in enumerate(of_head):
                    if fit >= enough:
                        size = (np.log(width / head.anchors[a][0]), np.log(height / head.anchors[a][1]))
                        target[image, a, int(y), int(x)] = torch.tensor((x % 1, y % 1, *size, 1, digit))
    return targets


def _shape_iou(a: tuple[float, float], b: tuple[float, float]) -> float:
    common = min(a[0], b[0]) * min(a[1], b[1])
    return common / (a[0] * a[1] + b[0] * b[1] - common)


def yolo_loss(outputs: Sequence[torch.Tensor], flat_targets: torch.Tensor) -> torch.Tensor:
    """YOLOv3's loss per image: squared error of the boxes, cross entropy of objectness and classes."""
    raw = torch.cat([_cells(output) for output in outputs], dim=1)
    wanted = flat_targets[..., 4] == 1
    objectness = functional.binary_cross_entropy_with_logits(raw[..., 4], wanted.float(), reduction="sum")
    found, truth = raw[wanted], flat_targets[wanted]
    centre = functional.mse_loss(torch.sigmoid(found[:, :2]), truth[:, :2], reduction="sum")
    size = functional.mse_loss(found[:, 2:4], truth[:, 2:4], reduction="sum")
    classes = functional.one_hot(truth[:, 5].long(), CLASSES).float()
    kind = functional.binary_cross_entropy_with_logits(found[:, 5:], classes, reduction="sum")
    return (objectness + 5 * centre + 5 * size + kind) / len(raw)


def _cells(output: torch.Tensor) -> torch.Tensor:
    """Raw head [N, anchors (5 + classes), H, W] -> [N, anchors H W, 5 + classes]."""
    count, _, rows, columns = output.shape
    cells = output.reshape(count, -1, 5 + CLASSES, rows, columns).permute(0, 1, 3, 4, 2)
    return cells.reshape(count, -1, 5 + CLASSES)


def main() -> None:
    """Trains, prints mAP50 on the held-out canvases, writes weights and held-out set."""
    rng = start(SEED)
    images, labels, is_test = load_digits()
    training = images[~is_test], labels[~is_test]

    def batches(epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for _ in range(STEPS):
            canvases, boxes = zip(*(scene(rng, *training) for _ in range(BATCH)), strict=True)
            inputs = torch.from_numpy(np.stack(canvases)[:, None].astype(np.float32) / np.float32(255))
            yield inputs, torch.cat([target.reshape(BATCH, -1, 6) for target in targets_of(boxes)], dim=1)

    module = TinyYoloDigits()
    train(module, batches, yolo_loss, EPOCHS, STEPS, learning_rate=5e-3)

    held_rng = np.random.default_rng(HELD_OUT_SEED)
    held = [scene(held_rng, images[is_test], labels[is_test]) for _ in range(HELD_OUT)]
    canvases: NDArray[np.uint8] = np.stack([canvas for canvas, _ in held])
    rows = [(image, *box) for image, (_, boxes) in enumerate(held) for box in boxes]
    DATA.mkdir(exist_ok=True)
    np.savez_compressed(DATA / "tiny_yolo_digits.npz", canvases=canvases, boxes=np.array(rows, dtype=np.uint8))
    inputs = torch.from_numpy(module.held_out().inputs)
    with torch.no_grad():
        decisions = [module.decide(module(inputs[i : i + 1])) for i in range(HELD_OUT)]
    print(f"held-out canvases: mAP50 {module.score(decisions):.3f} over {len(rows)} digits on {HELD_OUT} canvases")
    save_trained(
        module,
        "tiny_yolo_digits",
        {
            "command": "python -m cedr.frontend.zoo.training.detection",
            "seed": str(SEED),
            "training_samples": str(EPOCHS * STEPS * BATCH),
            "training_sha256": digest(*training),
        },
    )


if __name__ == "__main__":
    main()
