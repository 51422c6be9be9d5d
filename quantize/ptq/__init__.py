"""Methods that quantize a trained model by watching it run."""
