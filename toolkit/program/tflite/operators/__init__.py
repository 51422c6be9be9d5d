"""Converters, by group: the function ``conv_2d`` makes a layer of a CONV_2D operator."""
