"""Twenty spoken digits, frame by frame, through a spiking network on an emulated Cortex-M4."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from toolkit import bundle, models
from toolkit.data.sets import fsdd
from toolkit.data.tasks import sound_spikes
from toolkit.infer import infer
from toolkit.measure.bench import bench
from toolkit.program import pt2
from toolkit.spiking.time import streaming
from toolkit.verify.verify import verify

TARGET = "stm32f4-discovery"
HOP, FRAMES = sound_spikes.HOP, sound_spikes.FRAMES
out = Path("build")

# The network that train.py has trained, behind the filters that make spikes of sound; one frame is one run.
model = models.build("spiking_delays", "fsdd")
model.load_state_dict({name: torch.from_numpy(array) for name, array in np.load("weights.npz").items()})
listener = nn.Sequential(sound_spikes.encoder(fsdd.SAMPLE_RATE_HZ), model.layers).eval()
frame = torch.zeros(1, HOP)
program = torch.export.export(streaming(listener, frame), (frame,)).run_decompositions({})
pt2.save(program, out / "step.pt2")

# Recordings that it does not know, with a pause behind each. Each frame of the first word is golden data.
recordings, digits, speakers = fsdd.read_split(Path("recordings.zip"), fsdd.TEST, None)
words = sound_spikes.frames_of(recordings)
stream = np.concatenate([words, np.zeros_like(words[:, : FRAMES // 2])], 1)
bundle.export(out / "step.pt2", TARGET, out / "bundle", name="digits", golden=words[0], golden_count=FRAMES)
assert verify(out / "bundle").ok

# The board hears frame after frame; nothing but its states goes from one to the next.
potentials = infer(out / "bundle", [stream.reshape(-1, HOP)]).outputs[0].reshape(*stream.shape[:2], -1)
heard = potentials[:, :FRAMES].mean(1).argmax(1)
for digit, speaker, answer in zip(digits, speakers, heard, strict=True):
    print(f"{speaker:8} says {digit}, the board hears {answer}")
print(f"{(heard == digits).mean():.0%} right")

# What a frame costs follows its spikes.
for name, frames in (("speech", words[:, :20]), ("silence", np.zeros((20, HOP), np.float32))):
    cost = bench(out / "bundle", samples=[frame.tobytes() for frame in frames.reshape(-1, HOP)])
    print(f"{name}: {cost.instructions.value:,.0f} instructions, {cost.latency_us.value / 1000:.2f} of 16 ms")
