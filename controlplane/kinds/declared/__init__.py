"""One module for each kind that is served: its declaration, which ``registry`` finds by itself."""
