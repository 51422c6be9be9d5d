"""Methods that train on with quantization in the forward pass."""
