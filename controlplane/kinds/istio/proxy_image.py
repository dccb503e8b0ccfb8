"""The image that a proxy's container has, for those who inject it."""

from controlplane.kinds.spec import Spec


class ProxyImage(Spec, frozen=True):
    image_type: str = ""
