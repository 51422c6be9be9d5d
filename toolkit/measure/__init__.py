"""What a model costs on its target, and whether the device computes what the reference computes."""
