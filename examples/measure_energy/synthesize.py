"""Make synthetic.csv: a trace as a meter would record it, of which the true energy is known. No board was measured."""

from pathlib import Path

import numpy as np

RATE, VOLTAGE, IDLE_A, BUSY_A, NOISE_A = 250, 3.0, 1.2e-3, 9.2e-3, 2e-4

time = np.arange(0, 7.5, 1 / RATE)
marker = (time >= 1.5) & ((time - 1.5) % 1.2 < 1.0)  # five windows of a second
current = np.where(marker, BUSY_A, IDLE_A) + np.random.default_rng(0).normal(0, NOISE_A, len(time))
lines = [f"{t:.3f},{a * 1e3:.4f},{m:d}" for t, a, m in zip(time, current, marker, strict=True)]
head = [
    "# SYNTHETIC, made by synthesize.py: no board was measured",
    f"# {BUSY_A * 1e3:g} mA in windows, {IDLE_A * 1e3:g} mA idle, {VOLTAGE:g} V: 24 mJ a window above idle",
    "time_s,current_ma,marker",
]
Path("synthetic.csv").write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")
