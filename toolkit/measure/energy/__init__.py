"""Energy: measured with a meter and its windows, or estimated from cycles."""
