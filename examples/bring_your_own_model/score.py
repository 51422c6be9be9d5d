"""How many of the device's answers are right?"""

import numpy as np

answers, labels = np.load("answers.npy"), np.load("labels.npy")
print(f"on the device: {(answers.argmax(1) == labels).mean():.1%}")
