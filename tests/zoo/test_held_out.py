"""The held-out sets are disjoint from what was trained on, and the documents tell their true sizes and scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from cedr.frontend.zoo import figures, find
from cedr.frontend.zoo.digit_images import enlarge, load_digits
from cedr.frontend.zoo.held_out import DATA
from cedr.frontend.zoo.m5_words import WORDS
from cedr.frontend.zoo.tiny_yolo_digits import HEADS, SIZE
from cedr.frontend.zoo.trained import WEIGHTS, how_made, packed
from cedr.frontend.zoo.training import detection, digits, speech
from cedr.frontend.zoo.training.loop import digest
from cedr.frontend.zoo.training.scenes import MAX_DIGITS, scene
from cedr.frontend.zoo.yolo_boxes import detect

torch.set_num_threads(1)


def test_digits_split() -> None:
    """Three quarters to train on, the rest to test, and no test image equals a training image."""
    images, labels, is_test = load_digits()
    assert (len(labels), int(is_test.sum())) == (1797, 445)
    training = {image.tobytes() for image in images[~is_test]}
    assert not any(image.tobytes() in training for image in images[is_test])
    assert all(15 <= int((is_test & (labels == digit)).sum()) <= 46 for digit in range(10))


def test_held_out_digits_are_test_digits_not_trained_on() -> None:
    images, labels, is_test = load_digits()
    with np.load(DATA / "vgg_digits.npz") as file:
        index, kept, kept_labels = file["index"], file["images"], file["labels"]
    assert index.tolist() == digits.held_out_indices(labels, is_test).tolist()
    assert is_test[index].all() and len(set(index.tolist())) == len(index) == 150
    assert np.array_equal(kept, images[index]) and np.array_equal(kept_labels, labels[index])
    assert np.bincount(kept_labels).tolist() == [15] * 10
    assert how_made("vgg_digits")["training_sha256"] == digest(images[~is_test], labels[~is_test])
    held_out = find("vgg_digits").held_out()
    assert held_out is not None
    assert np.array_equal(held_out.inputs[:, 0], enlarge(images[index], 32))


def test_held_out_words_are_of_voices_not_trained_on() -> None:
    with np.load(DATA / "m5_words.npz") as file:
        voices, labels, samples = file["voices"].tolist(), file["labels"], file["samples"]
    assert voices == [line.voice for line in speech.HELD_OUT]
    assert [WORDS[label] for label in labels] == [line.word for line in speech.HELD_OUT]
    assert samples.shape == (128, 8000) and samples.dtype == np.int16
    trained_on = how_made("m5_words")["training_voices"].split()
    assert trained_on == list(speech.TRAINING_VOICES)
    variants = {voice.split("+")[1] for voice in trained_on}
    assert not {voice.split("+")[1] for voice in voices} & variants
    assert len({clip.tobytes() for clip in samples}) == len(samples)


def test_held_out_canvases_hold_test_digits_only() -> None:
    """Made again from the test digits and the seed, they are the same to the bit; training draws from the others."""
    images, labels, is_test = load_digits()
    rng = np.random.default_rng(detection.HELD_OUT_SEED)
    made = [scene(rng, images[is_test], labels[is_test]) for _ in range(detection.HELD_OUT)]
    with np.load(DATA / "tiny_yolo_digits.npz") as file:
        canvases, boxes = file["canvases"], file["boxes"]
    assert np.array_equal(canvases, np.stack([canvas for canvas, _ in made]))
    assert boxes.tolist() == [[i, *box] for i, (_, found) in enumerate(made) for box in found]
    assert how_made("tiny_yolo_digits")["training_sha256"] == digest(images[~is_test], labels[~is_test])


def test_scenes_hold_whole_digits_that_do_not_touch() -> None:
    images, labels, _ = load_digits()
    rng = np.random.default_rng(3)
    for _ in range(50):
        canvas, boxes = scene(rng, images, labels)
        assert canvas.shape == (SIZE, SIZE) and canvas.dtype == np.uint8
        assert 1 <= len(boxes) <= MAX_DIGITS
        for i, (x1, y1, x2, y2, digit) in enumerate(boxes):
            assert 0 <= x1 < x2 <= SIZE and 0 <= y1 < y2 <= SIZE and 0 <= digit <= 9
            assert all(x2 < b[0] or b[2] < x1 or y2 < b[1] or b[3] < y1 for b in boxes[i + 1 :])


def test_targets_decode_to_the_boxes_they_were_made_from() -> None:
    """Raw outputs that say exactly what the targets ask for are read back as the labelled boxes."""
    images, labels, _ = load_digits()
    rng = np.random.default_rng(4)
    for _ in range(20):
        _, boxes = scene(rng, images, labels)
        raw = []
        for target in detection.targets_of([boxes]):
            wanted = target.numpy().astype(np.float64)[0]
            anchors, rows, columns, _ = wanted.shape
            centre = np.clip(wanted[..., :2], 1e-9, 1 - 1e-9)
            cells = np.full((anchors, 15, rows, columns), -30.0)
            cells[:, :2] = np.moveaxis(np.log(centre / (1 - centre)), -1, 1)
            cells[:, 2:4] = np.moveaxis(wanted[..., 2:4], -1, 1)
            cells[:, 4] = np.where(wanted[..., 4] == 1, 30, -30)
            for a, row, column in np.argwhere(wanted[..., 4] == 1):
                cells[a, 5 + int(wanted[a, row, column, 5]), row, column] = 30
            raw.append(cells.reshape(1, -1, rows, columns))
        found = sorted((*box[:4], box.class_index) for box in detect(raw, HEADS, 0.5, 0.45))
        assert np.array(found) == pytest.approx(np.array(sorted(boxes)), abs=1e-3)


def test_the_loss_falls_when_a_digit_is_found() -> None:
    targets = detection.targets_of([[(40, 40, 60, 70, 3)]])
    flat = torch.cat([target.reshape(1, -1, 6) for target in targets], dim=1)
    silent = [torch.full((1, 45, size, size), -3.0) for size in (3, 6)]
    loud = [output.clone() for output in silent]
    for output, target in zip(loud, targets, strict=True):
        for _, a, row, column in torch.argwhere(target[..., 4] == 1).tolist():
            output[0, 15 * a + 4, row, column] = 3.0
    assert detection.yolo_loss(loud, flat) < detection.yolo_loss(silent, flat) - 2


def test_enlarging_is_exact_and_keeps_the_mean() -> None:
    images, _, _ = load_digits()
    big = enlarge(images[:5], 32)
    assert big.dtype == np.float32 and big.min() >= 0 and big.max() <= 1
    assert np.array_equal(big * 16 * 64, np.round(big * 16 * 64))  # multiples of 1/16 x 1/8 x 1/8
    flat = enlarge(np.full((1, 8, 8), 16, np.uint8), 44)
    assert np.allclose(flat, 1)
    step = np.zeros((1, 8, 8), np.uint8)
    step[0, :, 4:] = 16
    assert enlarge(step, 16)[0, 0].tolist() == [0] * 7 + [0.25, 0.75] + [1] * 7


@pytest.mark.parametrize("name", ["vgg_digits", "m5_words", "tiny_yolo_digits"])
def test_a_weights_file_is_the_same_to_the_byte_when_written_again(name: str) -> None:
    assert packed(find(name).build()[0], how_made(name)) == (WEIGHTS / f"{name}.safetensors").read_bytes()


def test_all_files_together_are_a_few_mb() -> None:
    size_bytes = sum(path.stat().st_size for folder in (DATA, WEIGHTS) for path in folder.iterdir())
    assert size_bytes < 6_000_000


def test_the_readme_has_the_printed_table() -> None:
    readme = (Path(figures.__file__).parent / "README.md").read_text()
    assert figures.table() in readme
