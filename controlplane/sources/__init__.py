"""The readers of the world: files and the state directory. They give text and know no kinds."""
