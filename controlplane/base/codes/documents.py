"""Codes of documents, before they are objects: CP01xx."""

from typing import Final

from controlplane.base.codes.severities import refused, warning

YAML_SYNTAX: Final = refused("CP0101", "the document is not YAML")
DUPLICATE_KEY: Final = refused("CP0102", "a mapping has the same key twice")
TOO_DEEP: Final = refused("CP0103", "the document nests deeper than 64 levels")
TOO_MANY_ALIASES: Final = refused("CP0104", "the document's aliases expand to too many values")
FILE_TOO_LARGE: Final = refused("CP0105", "the file is larger than 16 MiB")
NOT_AN_OBJECT: Final = refused(
    "CP0106", "the document is not an object with apiVersion, kind and metadata.name"
)
UNKNOWN_KIND: Final = warning("CP0107", "Istio or the Gateway API has no such kind")
KIND_NOT_SERVED: Final = warning("CP0108", "the kind is known but not served yet")
DUPLICATE_OBJECT: Final = refused("CP0109", "the same object is declared twice")
UNREADABLE_FILE: Final = refused("CP0110", "the file cannot be read as text")
CHANGE_WAITS: Final = warning(
    "CP0111", "the change would break a reference and part of its file is refused, so it waits"
)
TOO_MANY_DOCUMENTS: Final = refused("CP0112", "the file has more than 5,000 documents")
TOO_MANY_OBJECTS: Final = refused("CP0113", "all files together declare more objects than allowed")
NOT_A_FILE: Final = warning("CP0114", "what is there is no file, so it is skipped")
KIND_MISSPELLED: Final = refused("CP0115", "the kind or apiVersion is misspelled")
NAME_IS_BOOLEAN: Final = warning(
    "CP0116", "the object's name is a boolean in YAML 1.1, which Kubernetes refuses"
)
MESH_CONFIG_UNREAD: Final = warning(
    "CP0117", "Istio's ConfigMap is among the objects, and its MeshConfig has no effect"
)
