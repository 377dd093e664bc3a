"""The protocol's messages, without TensorFlow.

The stubs of tensorflow-serving-api import the whole of TensorFlow, for the sake of the generated
modules below `tensorflow.core`. Each generated module holds its .proto file as a serialized
descriptor. Here those descriptors are read out of the installed modules' source, which is parsed
and never executed, and go into a descriptor pool of their own. So nothing is vendored, the
messages are those of the installed version, and nothing collides when the process imports
TensorFlow or the stock stubs before or after: those register in protobuf's default pool.

A message of this module and its stock counterpart are different classes with the same bytes.
"""

import ast
import importlib
import importlib.util
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pool, message_factory

_STUBS = "tensorflow_serving.apis"
_FILES = (
    "classification",
    "get_model_metadata",
    "get_model_status",
    "predict",
    "regression",
)


def _source(module: str) -> str:
    """A module's source; neither it nor a package above it is imported.

    Raises:
      ModuleNotFoundError: its distribution is not installed.
    """
    package, *rest = module.split(".")
    found = importlib.util.find_spec(package)
    for folder in (found and found.submodule_search_locations) or ():
        path = Path(folder, *rest).with_suffix(".py")
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise ModuleNotFoundError(
        f"{module} is not there; expected the distributions tensorflow and tensorflow-serving-api",
        name=module,
    )


def _read(module: str) -> tuple[list[str], bytes]:
    """The generated modules that a generated module imports, and its serialized descriptor.

    Raises:
      ImportError: the module has another form than protoc has written since version 3.20.
    """
    imports: list[str] = []
    for node in ast.parse(_source(module)).body:
        if isinstance(node, ast.ImportFrom):
            imports += [f"{node.module}.{one.name}" for one in node.names if "_pb2" in one.name]
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            call = node.value
            if isinstance(call.func, ast.Attribute) and call.func.attr == "AddSerializedFile":
                return imports, ast.literal_eval(call.args[0])
    raise ImportError(f"{module} holds no serialized descriptor", name=module)


def _add(pool: Any, module: str, added: set[str]) -> None:
    """Adds a generated module's .proto file to a pool, after those that it imports."""
    if module in added:
        return
    added.add(module)
    if module.startswith("google.protobuf."):
        # protobuf's own well-known types: light, and here already.
        pool.AddSerializedFile(importlib.import_module(module).DESCRIPTOR.serialized_pb)
        return
    imports, descriptor = _read(module)
    for one in imports:
        _add(pool, one, added)
    pool.AddSerializedFile(descriptor)


def _pool() -> Any:
    pool = descriptor_pool.DescriptorPool()
    added: set[str] = set()
    for file in _FILES:
        _add(pool, f"{_STUBS}.{file}_pb2", added)
    return pool


POOL = _pool()


def _message(name: str) -> Any:
    descriptor = POOL.FindMessageTypeByName(name)
    if hasattr(message_factory, "GetMessageClass"):  # From protobuf 4.22 on.
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(POOL).GetPrototype(descriptor)


PredictRequest = _message("tensorflow.serving.PredictRequest")
PredictResponse = _message("tensorflow.serving.PredictResponse")
ClassificationRequest = _message("tensorflow.serving.ClassificationRequest")
ClassificationResponse = _message("tensorflow.serving.ClassificationResponse")
RegressionRequest = _message("tensorflow.serving.RegressionRequest")
RegressionResponse = _message("tensorflow.serving.RegressionResponse")
GetModelMetadataRequest = _message("tensorflow.serving.GetModelMetadataRequest")
GetModelMetadataResponse = _message("tensorflow.serving.GetModelMetadataResponse")
GetModelStatusRequest = _message("tensorflow.serving.GetModelStatusRequest")
GetModelStatusResponse = _message("tensorflow.serving.GetModelStatusResponse")
ModelSpec = _message("tensorflow.serving.ModelSpec")
SignatureDefMap = _message("tensorflow.serving.SignatureDefMap")
Example = _message("tensorflow.Example")
TensorProto = _message("tensorflow.TensorProto")

# By name, TensorFlow's numbers of data types: DT_FLOAT is 1.
DATA_TYPES: dict[str, int] = {
    value.name: value.number for value in POOL.FindEnumTypeByName("tensorflow.DataType").values
}
VERSION_STATES: dict[int, str] = {
    value.number: value.name
    for value in POOL.FindMessageTypeByName("tensorflow.serving.ModelVersionStatus")
    .enum_types_by_name["State"]
    .values
}
