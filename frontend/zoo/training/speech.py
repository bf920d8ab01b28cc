"""Words spoken by the synthesiser espeak-ng (Debian's package of that name; used: 1.51): who says what, and how."""

from __future__ import annotations

import io
import itertools
import shutil
import subprocess
import wave
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cedr.frontend.zoo.m5_words import RATE_HZ, WORDS
from cedr.target.errors import CedrError

TRAINING_VOICES = (
    "en-us+m1", "en-gb-x-rp+m2", "en-us+m3", "en-gb-x-rp+m4", "en-us+m6", "en-gb-x-rp+m7", "en-us+f1",
    "en-gb-x-rp+f2", "en-us+f4", "en-gb-x-rp+f5", "en-us+klatt", "en-gb-x-rp+klatt2", "en-us+klatt3",
    "en-gb-x-rp+klatt4", "en-us+Andy", "en-gb-x-rp+Annie", "en-us+belinda", "en-gb-x-rp+john", "en-us+max",
    "en-gb-x-rp+Mario", "en-us+norbert", "en-gb-x-rp+paul", "en-us+victor", "en-gb-x-rp+anika", "en-us+Alex",
    "en-gb-x-rp+Alicia", "en-us+Andrea", "en-gb-x-rp+aunty", "en-us+benjamin", "en-gb-x-rp+boris", "en-gb-x-rp+Denis",
    "en-us+Diogo", "en-gb-x-rp+Gene", "en-us+Henrique", "en-gb-x-rp+Hugo", "en-us+Jacky", "en-gb-x-rp+Lee",
    "en-us+marcelo", "en-gb-x-rp+Marco", "en-us+miguel", "en-gb-x-rp+Mike", "en-us+pablo", "en-gb-x-rp+pedro",
    "en-us+quincy", "en-gb-x-rp+robert", "en-us+sandro", "en-gb-x-rp+shelby", "en-us+travis", "en-gb-x-rp+zac",
)  # fmt: skip
HELD_OUT_VOICES = (
    "en-us+m5", "en-gb-x-rp+m8", "en-gb-x-rp+f3", "en-us+linda", "en-us+Michael", "en-gb-x-rp+steph", "en-us+edward",
    "en-gb-x-rp+david",
)  # fmt: skip


@dataclass(frozen=True)
class Utterance:
    """One word as one voice says it: speed in words per minute, pitch 0 to 99 (espeak-ng's -s and -p)."""

    word: str
    voice: str
    speed: int
    pitch: int


def utterances(voices: Sequence[str], speeds: Sequence[int], pitches: Sequence[int]) -> list[Utterance]:
    """All combinations, words fastest."""
    return [
        Utterance(word, voice, speed, pitch)
        for voice, speed, pitch, word in itertools.product(voices, speeds, pitches, WORDS)
    ]


TRAINING = utterances(TRAINING_VOICES, speeds=(120, 150, 180), pitches=(40, 60))
HELD_OUT = utterances(HELD_OUT_VOICES, speeds=(135, 165), pitches=(45,))


def check_voices() -> None:
    """Refuses voices that sound the same: espeak-ng drops a variant that it or the language does not know, silently."""
    heard: dict[bytes, str] = {}
    for voice in (*TRAINING_VOICES, *HELD_OUT_VOICES):
        sound = speak(Utterance("right", voice, speed=150, pitch=50)).tobytes()
        if sound in heard:
            raise CedrError(f"espeak-ng's voices {heard[sound]} and {voice} sound the same; replace one in speech.py")
        heard[sound] = voice


def speak(utterance: Utterance) -> NDArray[np.int16]:
    """One second at 8 kHz, int16 [8000]: the word in the middle, cut if longer, peak at half of full scale."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise CedrError(
            "words are spoken by the program espeak-ng, which is not on PATH; Debian: apt install espeak-ng"
        )
    command = [program, "-v", utterance.voice, "-s", str(utterance.speed), "-p", str(utterance.pitch), "--stdout"]
    spoken = subprocess.run([*command, utterance.word], check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(spoken)) as file:
        rate_hz = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float64)
    loud = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max())
    samples = samples[loud[0] : loud[-1] + 1][:rate_hz]
    second = np.zeros(rate_hz)
    start = (rate_hz - len(samples)) // 2
    second[start : start + len(samples)] = samples
    # Resampling of exactly one second: the spectrum up to 4 kHz.
    low = np.fft.irfft(np.fft.rfft(second)[: RATE_HZ // 2 + 1], RATE_HZ)
    clip: NDArray[np.int16] = np.round(low * (16384 / np.abs(low).max())).astype(np.int16)
    return clip
