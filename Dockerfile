# docker build -t dedupe .
# docker run --rm -v ~/Pictures:/photos:ro -v ~/reports:/reports dedupe scan /photos --report /reports/report.csv
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY packaging/dedupe.1 packaging/dedupe.1
COPY dedupe dedupe
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim AS cpu
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl && rm -r /wheels \
    && useradd --create-home --uid 1000 dedupe && install -d -o dedupe -g dedupe /reports
USER dedupe
WORKDIR /reports
ENTRYPOINT ["dedupe"]
CMD ["--help"]

# docker build -t dedupe:gpu --target gpu .    (run with --gpus all)
FROM cpu AS gpu
USER root
RUN pip install --no-cache-dir 'tensorflow[and-cuda]>=2.19'
USER dedupe

# docker build -t dedupe:ray --target ray .    (the nodes of a Ray cluster: docs/scaling.md)
FROM cpu AS ray
USER root
RUN pip install --no-cache-dir 'ray[default,data]>=2.40' 'pyarrow>=18' 'fsspec>=2024.6' 's3fs>=2024.6'
USER dedupe
ENTRYPOINT []

FROM cpu
