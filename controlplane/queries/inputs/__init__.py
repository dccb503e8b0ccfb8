"""Where the user's objects, MeshConfig, the clock and the connected gateways enter the graph."""
