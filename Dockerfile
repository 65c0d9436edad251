# The API and Spin in one image, for linux/amd64 and linux/arm64:
#
#     cargo dev build
#     docker buildx build --platform linux/amd64,linux/arm64 --tag REGISTRY/profile-get:0.1.0 --push .
#
# Nothing is emulated for the other platform: the component is the same for all, and no command runs in the last stage.
#
# A tag can be moved. To pin what it names today, which `docker buildx imagetools inspect ghcr.io/spinframework/spin:v4.1.0`
# prints as the digest of the index, build with `--build-arg SPIN=ghcr.io/spinframework/spin:v4.1.0@sha256:...`.
ARG SPIN=ghcr.io/spinframework/spin:v4.1.0

FROM --platform=$BUILDPLATFORM ${SPIN} AS application
COPY spin.toml /app/
COPY target/wasm32-wasip2/release/profile_get.wasm /app/target/wasm32-wasip2/release/
# The folder of the pod's token is empty without workload identity, but Spin refuses one that does not exist.
RUN sed --in-place "s/^# files = /files = /" /app/spin.toml && mkdir --parents /empty
# Spin 4.1 writes each log line to a file as well, and its `--log-dir ""` is refused. The container's own log has them all.
RUN mkdir --parents /app/logs /state && \
    ln --symbolic /dev/null /app/logs/profile-get_stdout.txt && \
    ln --symbolic /dev/null /app/logs/profile-get_stderr.txt && \
    chmod --recursive a+rX /app

FROM ${SPIN}
LABEL org.opencontainers.image.title="profile-get" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=application /app /app
# The only folder that Spin writes to; everything else can be mounted read-only.
COPY --from=application --chown=65532:65532 /state /state
COPY --from=application /empty /var/run/secrets/azure/tokens
ENV TMPDIR=/state XDG_CACHE_HOME=/state/cache
USER 65532:65532
EXPOSE 8080
# The last two options keep an instance's memory: docs/performance.md. Spin reads more settings from the environment: the file
# that RUNTIME_CONFIG_FILE names, and SPIN_VARIABLE_<NAME>.
ENTRYPOINT ["/usr/local/bin/spin", "up", "--from", "/app", "--listen", "0.0.0.0:8080", "--direct-mounts", \
    "--state-dir", "/state/spin", "--log-dir", "/app/logs", \
    "--max-instance-reuse-count", "100000", "--idle-instance-timeout", "60s"]
