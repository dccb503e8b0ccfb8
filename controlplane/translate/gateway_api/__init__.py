"""Objects of the Gateway API become the model, one module for each part of a kind."""
