"""Teach an emulated board over its serial line, cut its power, and see that it still knows."""

from pathlib import Path

from toolkit import bundle, finetune
from toolkit.device import targets
from toolkit.device.build import build
from toolkit.device.emulated_board import running
from toolkit.device.serial_link import SerialLink
from toolkit.device.serial_model import SerialModel
from toolkit.finetune import prepare
from toolkit.learn.evaluate import accuracy
from toolkit.program import pt2

BOARD = "mps2-an386"
out = Path("build")

# Digits as they were, to train with here, and digits as the board will see them: turned, and in noise.
world = finetune.load("digits", steps=300, tests=100)
model = prepare.trained(world, epochs=40, seed=0)
print(f"trained here        {accuracy(model, world.dataset.x_test, world.dataset.y_test):7.1%} right")

# One training step is a program like any other: compile it to C, and build firmware that serves it.
method = finetune.method("nearest-mean")
pt2.save(prepare.step_program(model, method, world.dataset), out / "step.pt2", {})
bundle.export(out / "step.pt2", BOARD, out / "bundle", name="digits")
firmware = build(out / "bundle", serial=True)


def share_right(link: SerialLink) -> float:
    """Let the board answer all test samples; it counts itself."""
    board_model = SerialModel(link, sample_bytes=256, classes=10)
    for sample, label in zip(world.x_test, world.y_test, strict=True):
        board_model.load_sample(sample.tobytes(), int(label))
        board_model.infer()
    right, asked = board_model.accuracy()
    return right / asked


# `board.url` could as well be "/dev/ttyACM0".
with running(firmware, targets.load(BOARD)) as board:
    with SerialLink(board.url) as link:
        print(f"the camera is askew {share_right(link):7.1%} right")
        learner = SerialModel(link, sample_bytes=256, classes=10)
        for sample, label in zip(world.x_new, world.y_new, strict=True):
            learner.load_sample(sample.tobytes(), int(label))
            learner.train(method.rate)
        learner.accuracy()  # those it answered while it learnt
        print(f"300 samples later   {share_right(link):7.1%} right")
        learner.save()
    board.reset()
    with SerialLink(board.url) as link:
        print(f"after a power cut   {share_right(link):7.1%} right")
