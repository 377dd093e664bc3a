# One image for all: every step of a pipeline on Kubeflow, Beam's worker pools, the command line.
#
#   docker build -t tidegate .
#   docker build -t tidegate:gpu --build-arg GPU=1 .
#   docker build -t tidegate:tfx-1.16 --build-arg PYTHON=3.10 --build-arg GENERATION=1.16 .
ARG PYTHON=3.13

# The pinned packages; some of them are compiled, for which the full image has a compiler.
FROM python:${PYTHON}-trixie AS packages
ARG GPU
ARG GENERATION=1.21
WORKDIR /source
COPY constraints constraints
RUN python -m pip install -c constraints/tfx-${GENERATION}.txt uv
COPY setup.py pyproject.toml ./
# Bytecode is made here, as nobody may write it later. TensorFlow's C++ headers, 0.4 GB, are for
# compiling ops.
ENV UV_COMPILE_BYTECODE=1
RUN python -m venv --without-pip /opt/tidegate \
    && uv pip install --python /opt/tidegate/bin/python -c constraints/tfx-${GENERATION}.txt \
        -r setup.py --extra kubeflow ${GPU:+--extra gpu} \
    && rm -r /opt/tidegate/lib/python3*/site-packages/tensorflow/include

# The wheel, with the pinned setuptools.
FROM packages AS wheel
COPY README.md LICENSE ./
COPY tidegate tidegate
COPY pipeline pipeline
COPY components components
COPY models models
COPY tables tables
COPY serving serving
COPY data data
RUN uv build --wheel --no-build-isolation --python /opt/tidegate/bin/python --out-dir /wheel

FROM python:${PYTHON}-slim-trixie
# Kubeflow's launcher runs as this user and writes artifacts to local folders in the root.
RUN useradd --uid 1000 --create-home tidegate \
    && install -d -m 1777 /gcs /minio /s3
COPY --from=packages /opt/tidegate /opt/tidegate
# A layer of its own: a change of the code does not send the packages again.
COPY --from=wheel /wheel /wheel
RUN python -m pip --python /opt/tidegate/bin/python install --no-cache-dir --no-index --no-deps \
        /wheel/*.whl
ENV PATH=/opt/tidegate/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONWARNINGS=ignore::FutureWarning \
    TF_CPP_MIN_LOG_LEVEL=1
USER 1000:1000
WORKDIR /home/tidegate
# No entry point: Kubeflow's steps and `docker run` name their own commands.
CMD ["tidegate", "--help"]
