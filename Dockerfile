# headrace with git, and without root: for CI jobs, as Argo CD's plugin, and by hand (`docker run -v "$PWD:/work" headrace check`).
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /source
# Of git all but what is written in Perl, which would bring a hundred megabytes along.
# hadolint ignore=DL3008 # Debian keeps only the newest git of a release, so that a pin breaks the build
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends git \
    && mkdir -p /git/usr/bin /git/usr/lib /git/usr/share \
    && cp -a /usr/bin/git /git/usr/bin && cp -a /usr/lib/git-core /git/usr/lib && cp -a /usr/share/git-core /git/usr/share \
    && ln -sf ../lib/git-core/git /git/usr/bin/git \
    && find /git -type f -exec grep -qI '^#!.*perl' {} ';' -delete
COPY pyproject.toml README.md LICENSE ./
COPY compiler compiler
COPY schemas schemas
COPY targets targets
RUN python3 -m venv /headrace && /headrace/bin/python -m pip install --no-cache-dir --no-compile --quiet . \
    && /headrace/bin/python -m pip uninstall --quiet --yes pip setuptools \
    && /headrace/bin/python -m compileall -q /headrace/lib

FROM ${PYTHON_IMAGE}
# hadolint ignore=DL3008
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends ca-certificates libcurl3-gnutls libpcre2-8-0 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/apt /var/log/dpkg.log \
    && useradd --system --uid 999 --create-home headrace
COPY --from=build /git /
COPY --from=build /headrace /headrace
ENV PATH=/headrace/bin:$PATH
USER 999
WORKDIR /work
CMD ["headrace", "--help"]
