"""From a dataset to a verified Cortex-M4 image and its costs, over the Python API."""

from pathlib import Path

import torch

from toolkit import bundle, data, models
from toolkit.device.build import build
from toolkit.infer import infer
from toolkit.learn import TrainSettings, loop
from toolkit.learn.evaluate import accuracy
from toolkit.measure.bench import bench
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.verify.verify import verify

TARGET = "stm32f4-discovery"
out = Path("build")

# Train a 64-32-10 network in float.
digits = data.load("digits")
torch.manual_seed(0)
model = models.build("mlp", "digits")
settings = TrainSettings(epochs=40, learning_rate=1e-2, label_smoothing=0.1)
trained = loop.train(model, digits, settings=settings)
print(f"float      {trained.test_accuracy:.2%}")

# Quantize it after training: 512 samples show the ranges of the activations.
program = quantize_ptq(model, digits.x_train[:512])
pt2.save(program, out / "digits.pt2", {"classes": digits.classes})
print(f"int8       {accuracy(program, digits.x_test, digits.y_test):.2%}")

# Compile it to C for the board, with real samples as golden data, and build the image.
manifest = bundle.export(out / "digits.pt2", TARGET, out / "bundle", name="digits", golden=digits.x_test)
image = build(out / "bundle")
print(f"built      {image.path}, arena {manifest['sizes']['arena_bytes']} bytes")

# Run all test samples on the emulated core. Outputs come back as real numbers, one row per sample.
answers = infer(out / "bundle", [digits.x_test]).outputs[0]
print(f"on device  {(answers.argmax(1) == digits.y_test).mean():.2%}")

# Prove that reference, host C and device agree to the bit, then count what one inference costs.
assert verify(out / "bundle").ok
cost = bench(out / "bundle")
print(f"verified   {cost.instructions.value:,.0f} instructions, {cost.latency_us.value:.1f} us estimated")
