"""What layers that follow spikes cost by how many there are, beside the dense int8 network: random weights, counted.

python benchmarks/spiking_kernels.py
python benchmarks/spiking_kernels.py --target cortex-m0plus
"""

from __future__ import annotations

import argparse
import json

import torch
from torch import nn

from toolkit.device import targets
from toolkit.lower.passes import lower
from toolkit.measure.studies import activity
from toolkit.program.quantize import quantize_ptq
from toolkit.spiking.neurons import LI, LIF, Firing, Timing
from toolkit.spiking.time import EachStep, streaming

STEPS = 8  # of calibration
SHARES = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5)
_TIMING = Timing(1e-3)


def _spiking(layers: list[nn.Module]) -> nn.Module:
    parts: list[nn.Module] = []
    for layer in layers[:-1]:
        parts += [EachStep(layer), LIF(_TIMING, Firing(), tau=4e-3, r=40.0)]
    return nn.Sequential(*parts, EachStep(layers[-1]), LI(_TIMING, tau=4e-3)).eval()


def convolutions() -> nn.Module:
    """Three layers of 3 x 3, for 28 x 28 images; the first takes numbers and is not counted."""
    return _spiking(
        [
            nn.Conv2d(1, 32, 3, 2, 1), nn.Conv2d(32, 32, 3, 1, 1), nn.Conv2d(32, 64, 3, 2, 1),
            nn.Sequential(nn.Flatten(), nn.Linear(3136, 10)),
        ]
    )  # fmt: skip


def perceptron() -> nn.Module:
    """700-256-256-20, as for spoken digits of an artificial ear; the first takes numbers and is not counted."""
    return _spiking([nn.Linear(700, 256), nn.Linear(256, 256), nn.Linear(256, 20)])


NETS = {"convolutions": (convolutions, (1, 28, 28)), "perceptron": (perceptron, (700,))}


def _ternary(net: nn.Module) -> list[str]:
    """Make all weights but the first layer's ternary in place; return that layer's name."""
    owners = [(name, m) for name, m in net.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    for _, module in owners[1:]:
        sign = torch.randint(-1, 2, module.weight.shape)
        module.weight.data = sign * module.weight.abs().mean()
    return [owners[0][0]]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--target", default="cortex-m4")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    target, rows = targets.load(options.target), []
    for name, (make, shape) in NETS.items():
        for weights in ("int8", "ternary"):
            torch.manual_seed(0)
            net, x = make(), torch.rand(STEPS, *shape)
            kept = _ternary(net) if weights == "ternary" else []
            step = streaming(net, x[:1])
            program = quantize_ptq(step, x.numpy(), weights=weights, int8_layers=kept)  # type: ignore[arg-type]
            model = lower(program)
            for each in model.steps:  # kernels as for few spikes, whatever random weights make
                each.attrs |= {"density": 0.05} if "density" in each.attrs else {}
            found = activity.sweep(model, target, activities=SHARES)
            rows.append({"net": name, "weights": weights, **found.to_json()})
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(
        f"| network, layer | weights | dense int8 | neurons | {' | '.join(f'{s:.0%}' for s in SHARES)} | R² |"
    )
    print(f"|---|---|---:|---:|{'---:|' * len(SHARES)}---:|")
    for row in rows:
        for layer in row["layers"]:
            numbers = [layer["dense_instructions"], layer["neuron_instructions"], *layer["instructions"]]
            cells = " | ".join(f"{number:,}" for number in numbers)
            print(
                f"| {row['net']}, {layer['name']} | {row['weights']} | {cells} | {layer['r_squared']:.4f} |"
            )
        shares = " | ".join(f"{share:.3f}" for share in row["of_dense"])
        print(f"| {row['net']}, of dense | {row['weights']} | | | {shares} | {row['r_squared']:.4f} |")


if __name__ == "__main__":
    main()
