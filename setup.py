"""The distribution: each direct dependency with its reason. constraints/ pins the whole set."""

import re
from pathlib import Path

from setuptools import find_packages, setup

# The version's one place: `tidegate.__version__`, `tidegate --version` and `doctor` read what is
# installed.
VERSION = "0.2.0.dev0"

REQUIRES = [
    # The pipeline: ExampleGen to Pusher, ML Metadata, the cache. Two generations: 1.21 on Python
    # 3.11 to 3.13 and glibc 2.39 or newer; 1.16 on Python 3.10, the newest that older systems run.
    "tfx>=1.16,<1.22",
    # The graph of preprocessing and serving, and Keras's backend.
    "tensorflow>=2.16,<2.22",
    # The models. From 3.9 on: earlier ones apply the LSTM's dropout mask at inference on cuDNN.
    "keras>=3.9,<4",
    # What `tf.summary` writes through; TensorFlow 2.21 no longer requires it.
    "tensorboard>=2.16,<2.22",
    # Unicode normalisation and tokenizers as ops, so that a served model takes raw text.
    "tensorflow-text>=2.16,<2.22",
    # The data stages. 2.74 is the newest that TFX 1.16 takes (2.77 needs pyarrow 14); earlier ones
    # fail on Beam's portable runner, Prism. TFX 1.21 takes 2.77.
    "apache-beam>=2.74,<2.78",
    # TensorFlow Transform 1.16 imports it; Beam brings it no longer.
    "dill>=0.3.1; python_version < '3.11'",
    # TF Serving's messages: warm-up requests, and the protocol of clients.
    "tensorflow-serving-api>=2.16,<2.20",
    # Messages without the stock stubs, which import TensorFlow: seconds for a client.
    "protobuf>=3.20.3,<7",
    # bfloat16 and float8 tensors in the client, as NumPy has neither.
    "ml-dtypes>=0.3",
    # The embedded server and the client: TF Serving's protocol.
    "grpcio>=1.48.2,<2",
    # Its reflection and health services; the pins hold them to the generation's protobuf.
    "grpcio-reflection>=1.48.2,<2",
    "grpcio-health-checking>=1.48.2,<2",
    # Its REST API and metrics page over HTTP: a parser in C, an event loop that holds slow
    # connections, types.
    "aiohttp>=3.9,<4",
    # Its metrics.
    "prometheus-client>=0.20,<1",
    # The Tuner's search; the one tuner that takes Keras 3 models.
    "keras-tuner>=1.4.7,<2",
    # The linear model that each run shows beside the LSTM.
    "scikit-learn>=1.4,<1.6",
    # The series of the `climate` data set; ETS and ARIMA beside the LSTM. 0.15 brings three
    # packages more.
    "statsmodels>=0.14.4,<0.15",
    # Tables of series, by chunks.
    "pandas>=1.5,<3",
    # The display names behind the `languages` data set; 2.19 has another CLDR, and other rows.
    "babel>=2.14,<2.19",
    # Settings: types, bounds and messages, without code of ours.
    "pydantic>=2.7,<3",
    # The command line.
    "click>=8.1,<9",
    # What a person sees of a run on a terminal.
    "rich>=13,<16",
    # Configuration files.
    "pyyaml>=6,<7",
    # Reads requirements for `tidegate doctor`.
    "packaging>=22",
    # Parquet files.
    "pyarrow>=10",
    # The page of a run: what users wrote is escaped.
    "jinja2>=3.1,<4",
    # BLEU and chrF of translations, as everybody reports them; TFMA brings it as well.
    "sacrebleu>=2.3,<3",
    # Pictures of a run: training curves, forecasts.
    "matplotlib>=3.9,<4",
    # Sparse counts behind the word vectors.
    "scipy>=1.11,<2",
    "numpy>=1.24,<3",
]

# What `tidegate compile` and `submit` need: the pipeline spec's messages and Kubeflow's client.
# From 2.6 on it needs protobuf 4, which TFX 1.16 does not take.
KUBEFLOW = [
    "kfp>=2.5,<2.6; python_version < '3.11'",
    "kfp>=2.16,<2.17; python_version >= '3.11'",
]

EXTRAS = {
    "kubeflow": KUBEFLOW,
    # The CUDA and cuDNN libraries that TensorFlow was built with; 3 GB beside the driver.
    "gpu": ["tensorflow[and-cuda]>=2.16,<2.22"],
    "test": [
        *KUBEFLOW,
        "pytest>=8",  # the tests
        "pytest-xdist>=3.7,<4",  # one process a core
        "nbclient>=0.10,<1",  # runs the notebooks
        "ipykernel>=6.29,<8",  # in a kernel
        "hypothesis>=6",  # properties over generated inputs
        "nltk>=3.9",  # its Kneser-Ney smoothing, to compare with; TFMA brings it as well
        "ruff>=0.6",  # style and errors
        "mypy>=1.11",  # types
        "import-linter>=2",  # which room may import which
        "types-PyYAML",
        "cryptography>=42",  # certificates for TLS
        "kubernetes>=26",  # its types check the manifests
        "docker>=7,<8",  # what .dockerignore leaves of the checkout
        "psutil>=5.9",  # processes, their children and memory, in benchmarks and tests
        "hpack>=4,<5",  # headers and frames of the load tests' HTTP/2
        "hyperframe>=6,<7",
        # An S3 server for the artifacts of compiled pipelines, its client, and what the server
        # needs: the extra `server` brings sixteen packages more.
        "moto[s3]>=5,<6",
        "boto3>=1.35",
        "flask>=3",
        "flask-cors>=5",
    ],
}


def long_description() -> str:
    """The README without its links to other pages of the repository, which an index lacks."""
    readme = Path(__file__).with_name("README.md")
    if not readme.exists():  # The image installs the requirements before it has anything else.
        return ""
    return re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]+\)", r"\1", readme.read_text("utf-8"))


setup(
    name="tidegate",
    version=VERSION,
    description="Raw text or time series to a validated LSTM model behind TensorFlow Serving",
    long_description=long_description(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    keywords="tfx tensorflow-serving lstm forecasting text-classification kubeflow beam",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "License :: OSI Approved :: Apache Software License",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    python_requires=">=3.10,<3.14",
    # tidegate/ holds a link to each room.
    packages=find_packages(include=["tidegate", "tidegate.*"]),
    package_data={
        "tidegate": ["py.typed"],
        # For whoever serves with the stock server and has the wheel alone.
        "tidegate.pipeline": ["deploy/*"],
        "tidegate.pipeline.report": ["*.html"],
        "tidegate.serving": ["deploy/*"],
    },
    install_requires=REQUIRES,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["tidegate = tidegate.pipeline.cli:main"]},
)
