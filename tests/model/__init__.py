"""A reference model of selection, and histories that the real engine and the model both live through."""
