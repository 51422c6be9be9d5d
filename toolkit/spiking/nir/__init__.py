"""NIR, the Neuromorphic Intermediate Representation (Pedersen et al. 2024), in and out."""

from toolkit.spiking.nir.read import from_graph, load
from toolkit.spiking.nir.settings import Settings
from toolkit.spiking.nir.write import save, to_graph

__all__ = ["Settings", "from_graph", "load", "save", "to_graph"]
