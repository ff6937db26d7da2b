# syntax=docker/dockerfile:1
# One image for the API, the workers and the projection: the command says which.

FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.txt requirements-build.txt requirements-fonts.txt ./
RUN pip install --only-binary :all: --require-hashes -r requirements-build.txt -r requirements.txt \
    && pip install --only-binary :all: --require-hashes --no-deps --ignore-requires-python -r requirements-fonts.txt
COPY pyproject.toml requirements.in README.md LICENSE ./
COPY schemas schemas
COPY renderers renderers
COPY connectors connectors
COPY processors processors
COPY producer_api producer_api
COPY exportstream exportstream
RUN pip install --no-build-isolation --no-deps --no-index . \
    && pip uninstall --yes setuptools pip \
    && python -m compileall -q /opt/venv/lib

FROM python:3.11-slim
RUN useradd --uid 10001 --no-create-home --home-dir /work --shell /usr/sbin/nologin exportstream \
    && install --directory --mode=0700 --owner=10001 --group=10001 /work /data
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    EXPORTSTREAM_DATA=/data \
    EXPORTSTREAM_TEMP=/work \
    EXPORTSTREAM_HOST=0.0.0.0 \
    EXPORTSTREAM_METRICS_HOST=0.0.0.0
USER 10001:10001
WORKDIR /work
VOLUME ["/work", "/data"]
EXPOSE 8097
STOPSIGNAL SIGTERM
# Of the API; workers and the projection are asked at their metrics' port (docker-compose.yml).
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8097/health', timeout=2)"]
ENTRYPOINT ["exportstream"]
CMD ["api"]
