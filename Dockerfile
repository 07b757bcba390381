# One image for every part: web, workers, schedule, migration, example news site.
# It runs as a user without rights, on a read-only root file system; only /data and /tmp are written.

FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements-setup.lock requirements.lock ./
RUN python -m venv /app/.venv \
 && /app/.venv/bin/pip install --no-cache-dir --require-hashes -r requirements-setup.lock \
 && VIRTUAL_ENV=/app/.venv /app/.venv/bin/uv pip install --no-cache --compile-bytecode --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY moderation moderation
COPY models models
COPY service service
COPY worker worker
RUN VIRTUAL_ENV=/app/.venv /app/.venv/bin/uv pip install --no-cache --no-deps --no-build-isolation --compile-bytecode . \
 && VIRTUAL_ENV=/app/.venv /app/.venv/bin/uv pip uninstall uv setuptools

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home --home-dir /home/btl --shell /usr/sbin/nologin btl \
 && install -d -o btl -g btl /data
COPY --from=build /app/.venv /app/.venv
COPY examples /app/examples
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    MALLOC_ARENA_MAX=2 \
    BTL_DATA_DIR=/data \
    BTL_HOST=0.0.0.0
USER 10001:10001
VOLUME /data
EXPOSE 8000
# The web door unless compose names another part.
CMD ["gunicorn", "--config", "python:service.gunicorn_conf", "service:create_app()"]
