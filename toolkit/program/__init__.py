"""Exported programs: made from models, quantized, written and read."""
