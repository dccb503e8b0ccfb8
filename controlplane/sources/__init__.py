"""Input from the file system: configuration files and the state directory. They give text and know
no kinds.
"""
