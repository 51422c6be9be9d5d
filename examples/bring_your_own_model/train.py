"""A network of one's own, in plain PyTorch: train it, then save it and some inputs for the toolkit."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    """A residual block, written by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 12, 3, padding=1)
        self.norm = nn.BatchNorm2d(12)
        self.depthwise = nn.Conv2d(12, 12, 3, padding=1, groups=12)
        self.pointwise = nn.Conv2d(12, 12, 1)
        self.head = nn.Linear(12 * 4 * 4, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm(self.stem(x)))
        x = F.relu(x + self.pointwise(F.relu(self.depthwise(x))))
        return self.head(F.max_pool2d(x, 2).flatten(1))


pixels, labels = load_digits(return_X_y=True)
x = torch.tensor(pixels.reshape(-1, 1, 8, 8) / 16, dtype=torch.float32)
y = torch.tensor(labels)
x, y, x_test, y_test = x[:1400], y[:1400], x[1400:], y[1400:]

torch.manual_seed(0)
net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for _ in range(15):
    for batch in torch.randperm(len(x)).split(64):
        optimizer.zero_grad()
        F.cross_entropy(net(x[batch]), y[batch]).backward()
        optimizer.step()
net.eval()
print(f"float: {(net(x_test).argmax(1) == y_test).float().mean():.1%}")

# The network as a program for one sample; and inputs as they come in real use, without labels.
torch.export.save(torch.export.export(net, (x[:1],)), "net.pt2")
np.save("calibration.npy", x[:200].numpy())
np.save("test.npy", x_test.numpy())
np.save("labels.npy", y_test.numpy())
