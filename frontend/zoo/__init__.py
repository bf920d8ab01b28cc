"""The model zoo: the paper's three applications, each at full size and as a small trained model, and well-known networks
of other kinds at their published sizes; and the signal-processing applications of CEDR.

`ZOO` maps names to entries, `find(name)` gets one. Listing needs no torch: an entry imports its model's file when it is
first built. What a model knows about its own answers (`decide`, `held_out`, `metric`, `score`) lives on its
`nn.Module`, in the form any module may have (`judging.py`); an entry only passes the questions on.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from cedr.target.errors import CedrError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from cedr.frontend.zoo.decisions import Decision
    from cedr.frontend.zoo.held_out import HeldOut
    from cedr.frontend.zoo.judging import Judge


@dataclass(frozen=True)
class ZooEntry:
    """One model of the zoo.

    `input_shape` is that of its one input, a batch of one: float32 or complex64 numbers, or for a model of text the
    numbers of words, int64, from 0 to less than `vocabulary`. The model's file is `frontend/zoo/<name>.py`; it has
    `build()` -> (module, example inputs), and `skeleton()`: the same module without weights, on the meta device.
    """

    name: str
    summary: str
    input_shape: tuple[int, ...]
    vocabulary: int | None = None
    is_complex: bool = False

    @property
    def input_dtype(self) -> str:
        """The input's dtype, by PyTorch's name."""
        if self.vocabulary is not None:
            return "int64"
        return "complex64" if self.is_complex else "float32"

    def build(self) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
        """The module in eval mode, its weights loaded or drawn (the same on every call), and an example input."""
        module, inputs = self._file().build()
        return module, inputs

    def decide(self, outputs: object) -> Decision | None:
        """What the outputs (one array or tensor, or a sequence of them) mean: a class index, or boxes after threshold
        and non-maximum suppression; None if the model decides nothing."""
        return self.judge().decide(outputs)

    def same_decision(self, a: Decision | None, b: Decision | None) -> bool:
        """Equal classes, or the same boxes: matched one to one with equal class and IoU >= 0.99."""
        return self.judge().same_decision(a, b)

    def held_out(self) -> HeldOut | None:
        """The inputs and labels the model is judged on, none of them seen in training; None if there are none."""
        return self.judge().held_out()

    @property
    def metric(self) -> str | None:
        """What `score` measures, "accuracy" or "mAP50"; None without a held-out set."""
        return self.judge().metric

    def score(self, decisions: Sequence[Decision]) -> float:
        """The metric, 0 to 1, of one decision per held-out input, in order. CedrError without a held-out set."""
        return self.judge().score(decisions)

    def judge(self) -> Judge:
        """The four hooks above, as found on the model's class."""
        return _judge(self.name)

    def _file(self) -> Any:
        return importlib.import_module(f"cedr.frontend.zoo.{self.name}")


ZOO: dict[str, ZooEntry] = {
    entry.name: entry
    for entry in (
        ZooEntry("vgg16", "VGG16, 1000 classes; seeded weights", (1, 3, 224, 224)),
        ZooEntry("vgg_digits", "VGG-style network of six convolutions; trained on handwritten digits", (1, 1, 32, 32)),
        ZooEntry("m5", "M5, 1-D convolutions on a waveform, 35 classes; seeded weights", (1, 1, 8000)),
        ZooEntry("m5_words", "M5, narrow; trained on eight synthesised spoken words", (1, 1, 8000)),
        ZooEntry("tiny_yolo", "YOLOv3-tiny, 80 classes; seeded weights", (1, 3, 416, 416)),
        ZooEntry("tiny_yolo_digits", "YOLOv3-tiny, narrow; trained to find digits on a canvas", (1, 1, 96, 96)),
        ZooEntry("resnet18", "ResNet-18, residual blocks, 1000 classes; seeded weights", (1, 3, 224, 224)),
        ZooEntry("mobilenet_v2", "MobileNetV2, inverted residuals, 1000 classes; seeded weights", (1, 3, 224, 224)),
        ZooEntry("unet", "U-Net, transposed convolutions, one class per pixel; seeded weights", (1, 3, 256, 256)),
        ZooEntry("vit", "ViT-Ti/16, a transformer on patches, 1000 classes; seeded weights", (1, 3, 224, 224)),
        ZooEntry("bert_tiny", "BERT-tiny, a transformer on 128 words; seeded weights", (1, 128), vocabulary=30522),
        ZooEntry("gru", "GRU on 49 frames of speech, 12 keywords; seeded weights", (1, 49, 10)),
        ZooEntry("lstm", "LSTM on 49 frames of speech, 12 keywords; seeded weights", (1, 49, 10)),
        ZooEntry("dscnn_kws", "DS-CNN on 49 frames of speech, 12 keywords; seeded weights", (1, 1, 49, 10)),
        ZooEntry("radar_correlator", "how late the echo of a chirp is; radar", (1, 256), is_complex=True),
        ZooEntry("pulse_doppler", "range and speed of a target, by 128 echoes; radar", (1, 128, 64), is_complex=True),
        ZooEntry("wifi_tx", "ten frames of text into the samples of OFDM symbols", (1, 10, 78), vocabulary=256),
        ZooEntry("sar", "image of a synthetic aperture radar, range-Doppler", (1, 256, 512), is_complex=True),
        ZooEntry("temporal_mitigation", "four antennas without a known interferer", (1, 2, 4, 64), is_complex=True),
        ZooEntry("lane_detection", "gradient of a road's image by Fourier transforms, and its lane", (1, 3, 540, 960)),
        ZooEntry("lane_detection_conv2d", "gradient of a road's image by convolutions, and its lane", (1, 3, 540, 960)),
    )
}


def find(name: str) -> ZooEntry:
    """The entry called `name`; a CedrError that lists the names there are, if none is."""
    if name not in ZOO:
        raise CedrError(f"the zoo has no model called {name!r}; it has {', '.join(ZOO)}")
    return ZOO[name]


@cache
def _judge(name: str) -> Judge:
    from cedr.frontend.zoo.judging import Judge

    return Judge(find(name)._file().skeleton())
