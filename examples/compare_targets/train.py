"""Train two networks on handwritten digits, and write files that say how right they are."""

import torch

from toolkit import data, models
from toolkit.learn import TrainSettings, loop
from toolkit.learn.evaluate import accuracy
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq

digits = data.load("digits")


def write(name, program):
    """Write a program; its accuracy goes along, as nobody knows it later."""
    right = accuracy(program, digits.x_test, digits.y_test)
    pt2.save(program, f"{name}.pt2", {"accuracy": {"quantized": right}, "test_samples": len(digits.x_test)})
    print(f"{name:13}{right:.2%}")


for hidden in (8, 32):
    torch.manual_seed(0)
    model = models.build("mlp", "digits", hidden=(hidden,))
    loop.train(model, digits, settings=TrainSettings(epochs=20, learning_rate=1e-2, label_smoothing=0.1))
    write(f"mlp-{hidden}-int8", quantize_ptq(model, digits.x_train[:512]))
write("mlp-32-float", torch.export.export(model.eval(), (torch.from_numpy(digits.x_train[:1]),)))
