"""The one owner of the graph: which objects are in force, and what follows from them."""
