"""Train a spiking network of one time step on MNIST: weights.npz and images.npz for classify.py. Downloads 11 MB."""

import numpy as np
import torch

from toolkit import data, models
from toolkit.learn import TrainSettings, loop

mnist = data.load("mnist")
torch.manual_seed(0)
model = models.build("hoyer_cnn", "mnist")
settings = TrainSettings(
    epochs=8,
    batch_size=128,
    learning_rate=8e-3,
    schedule="one-cycle",
    warmup=0.3,
    shift_pixels=1,
    precision="bfloat16",
)
trained = loop.train(model, mnist, settings=settings)
print(f"10,000 images that it does not know: {trained.test_accuracy:.2%} right")

np.savez_compressed("weights.npz", **{name: tensor.numpy() for name, tensor in model.state_dict().items()})
known, unknown = (
    (255 * x[:count, 0]).round().astype(np.uint8) for x, count in ((mnist.x_train, 64), (mnist.x_test, 50))
)
np.savez_compressed("images.npz", known=known, unknown=unknown, digits=mnist.y_test[:50].astype(np.uint8))
