"""Energy of one inference from a recorded trace: windows by its marker column, idle subtracted, with uncertainty."""

from pathlib import Path

from toolkit.measure import meters
from toolkit.measure.energy.metered import of_trace
from toolkit.report.power import power

RUNS = 400  # inferences in each window: what the board was told

with meters.make("recorded", "synthetic.csv", {"voltage": "3.0", "accuracy": "2%"}) as meter:
    meter.start()
    trace = meter.stop()
    result, windows, idle = of_trace(trace, RUNS, meter.accuracy(), "synthetic trace")

for window in result.windows:
    print(f"{window.seconds:.3f} s, {window.gross_j * 1e3:.2f} mJ, {window.net_j * 1e3:.2f} mJ above idle")
print(f"idle {result.idle_w.value * 1e3:.2f} mW, busy {result.busy_w * 1e3:.2f} mW")
for name, figure in (("with idle", result.gross_uj), ("above idle", result.net_uj)):
    print(f"one inference, {name}: {figure.value:.2f} µJ ± {figure.uncertainty:.2f} µJ")
parts = ", ".join(f"{name} {value:.2f}" for name, value in result.parts_uj.items())
print(f"what makes it uncertain, in µJ: {parts}")

out = Path("build")
out.mkdir(exist_ok=True)
(out / "windows.svg").write_text(power("Power of a synthetic trace", trace, windows, idle), encoding="utf-8")
