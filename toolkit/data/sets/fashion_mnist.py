"""Articles of clothing, 28x28, 60,000 images for training and 10,000 for testing.

H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms", 2017.
"""

from __future__ import annotations

from toolkit.data.dataset import Dataset
from toolkit.data.idx import load_idx_dataset, remote_files

FILES = remote_files(
    "fashion_mnist",
    (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
    ),
    (
        (26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        (29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        (4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        (5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ),
)

CLASSES = [
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
]


def load(limit: int | None) -> Dataset:
    """Return images ``(n, 1, 28, 28)``."""
    return load_idx_dataset(
        "fashion_mnist",
        FILES,
        limit,
        classes=CLASSES,
        description="Articles of clothing, 28x28, grey",
        licence="MIT",
    )
