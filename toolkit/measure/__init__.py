"""What a model costs on its target: time, instructions, energy, memory, each figure with how it is known."""
