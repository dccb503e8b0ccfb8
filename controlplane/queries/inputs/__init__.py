"""Where the user's objects, MeshConfig, the clock and who is connected enter the graph."""
