"""YAML and JSON text becomes the objects that a file declares, with every fault collected."""
