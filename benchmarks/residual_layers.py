"""What computing additions with the convolution before them saves: ResNet8, random weights, counted.

python benchmarks/residual_layers.py
python benchmarks/residual_layers.py --target cortex-m7
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from mlperf_tiny import prepare
from pooled_layers import measure

from toolkit.device import targets
from toolkit.lower.passes import lower
from toolkit.lower.residual import fuse_adds
from toolkit.program import pt2

TARGETS = ("cortex-m3", "cortex-m4")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--target", action="append", help=f"by default {', '.join(TARGETS)}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program, _ = pt2.load(prepare("image classification", Path(folder)).program)
    print("| core | instructions | together | arena B | together |")
    print("|---|---:|---:|---:|---:|")
    for target in map(targets.load, options.target or TARGETS):
        apart, together = (measure(each, target) for each in (lower(program), fuse_adds(lower(program))))
        cells = [f"{each[key]:,}" for key in ("instructions", "arena_bytes") for each in (apart, together)]
        print(f"| {target.name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
