"""Handwritten digits in one time step: a spiking network in integers on an emulated Cortex-M4."""

from pathlib import Path

import numpy as np
import torch

from toolkit import bundle, models
from toolkit.infer import infer
from toolkit.measure.bench import bench
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.verify.verify import verify

out = Path("build")

# The network that train.py has trained, with 64 images to find ranges with and 50 that it does not know.
model = models.build("hoyer_cnn", "mnist")
model.load_state_dict({name: torch.from_numpy(array) for name, array in np.load("weights.npz").items()})
images = np.load("images.npz")
known, unknown = (images[name].astype(np.float32)[:, None] / 255 for name in ("known", "unknown"))
program = quantize_ptq(model.eval(), known)
pt2.save(program, out / "net.pt2")

bundle.export(
    out / "net.pt2", "stm32f4-discovery", out / "bundle", name="one_step", golden=unknown, golden_count=8
)
assert verify(out / "bundle").ok
answers = infer(out / "bundle", [unknown]).outputs[0].argmax(-1)
print(f"{(answers.ravel() == images['digits']).sum()} of {len(unknown)} right")

# What an image costs, layer by layer: layers behind neurons only add, for each spike.
cost = bench(out / "bundle")
for layer in cost.layers:
    if layer.spikes is not None:
        print(f"{layer.name}: {layer.spikes / layer.neurons:.0%} of {layer.neurons:,} neurons spike")
    elif layer.synaptic_operations:
        print(
            f"{layer.name}: {layer.synaptic_operations:,.0f} additions in the place of {layer.macs:,} products"
        )
energy = f", about {cost.energy_uj.value:,.0f} µJ" if cost.energy_uj else ""
print(f"{cost.instructions.value:,.0f} instructions, about {cost.latency_us.value / 1000:.1f} ms{energy}")
