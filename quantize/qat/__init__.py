"""Methods that train on with quantization in the forward pass; ``toolkit.program.quantize`` applies them."""
