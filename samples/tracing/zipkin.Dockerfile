# Zipkin, from Maven Central (zipkin.py), in memory: what it has seen is gone when it ends.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
FROM ${PYTHON_IMAGE}
RUN mkdir -p /usr/share/man/man1 \
 && apt-get update \
 && apt-get install -y --no-install-recommends default-jre-headless \
 && rm -rf /var/lib/apt/lists/*
ENV XDG_CACHE_HOME=/opt
ARG ZIPKIN_URL
COPY zipkin.py /zipkin.py
RUN python /zipkin.py --fetch
USER 10002:10002
ENTRYPOINT ["python", "/zipkin.py"]
