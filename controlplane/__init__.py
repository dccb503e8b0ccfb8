"""An Istio control plane that runs without Kubernetes."""

import warnings

# cryptography says this of certificates that OpenSSL and Envoy take; users cannot act on it.
warnings.filterwarnings("ignore", "Parsed a serial number which wasn't positive")
