"""Methods that train weights which come out with few bits."""
