"""What is public is written down once, in the `__init__` of its package, and nothing else is."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "zincir"
PACKAGES = sorted(
    ".".join(("zincir", *p.parent.relative_to(SRC).parts)) for p in SRC.rglob("__init__.py")
)

# Packages whose __init__ may hold code, with the reason.
WITH_CODE = {"zincir.compiler": "holds the visible list of passes"}

# What a user coming from PyTorch types first.
EXPECTED = {
    "zincir": "save load"
    " Tensor tensor from_numpy zeros ones arange rand randn randint manual_seed cat stack"
    " where matmul einsum no_grad compile set_num_threads get_num_threads float32 float64 int64"
    " int32 uint8 bool",
    "zincir.nn": "Module Parameter Linear ReLU Tanh Sigmoid GELU Softmax Sequential Dropout Flatten"
    " Conv1d Conv2d ConvTranspose2d BatchNorm2d GroupNorm MaxPool2d AdaptiveAvgPool2d Upsample"
    " CrossEntropyLoss MSELoss L1Loss BCEWithLogitsLoss functional init",
    "zincir.nn.functional": "relu softmax log_softmax cross_entropy mse_loss l1_loss linear dropout"
    " binary_cross_entropy_with_logits layer_norm conv2d conv_transpose2d max_pool2d batch_norm pad"
    " interpolate unfold fold",
    "zincir.optim": "Optimizer SGD Adam AdamW RMSprop Adagrad Adadelta Adafactor Adamax ASGD LBFGS"
    " Muon NAdam RAdam Rprop lr_scheduler",
    "zincir.optim.lr_scheduler": "LRScheduler LambdaLR StepLR CosineAnnealingLR OneCycleLR"
    " ReduceLROnPlateau SequentialLR",
    "zincir.autograd": "grad backward Function gradcheck gradgradcheck detect_anomaly",
    "zincir.data": "load_digits Digits load_fashion_mnist Dataset TensorDataset DataLoader",
    "zincir.serialization": "save load add_safe_globals safe_globals",
    "zincir.distributions": "Distribution Normal Categorical Bernoulli Uniform Independent"
    " TransformedDistribution kl_divergence constraints transforms",
    "zincir.func": "grad grad_and_value vjp jvp jacrev jacfwd hessian vmap functional_call"
    " stack_module_state",
    "zincir.utils": "data checkpoint",
    "zincir.utils.data": "Dataset IterableDataset TensorDataset StackDataset ConcatDataset"
    " ChainDataset Subset random_split DataLoader default_collate default_convert get_worker_info"
    " Sampler SequentialSampler RandomSampler SubsetRandomSampler WeightedRandomSampler"
    " BatchSampler DistributedSampler",
    "zincir.data.augment": "Compose RandomCrop RandomHorizontalFlip RandomAffine Normalize"
    " ColorJitter RandomErasing RandAugment TrivialAugmentWide MixUp CutMix",
    "zincir.ops": "nms batched_nms box_iou box_convert roi_align roi_pool RoIAlign",
    "zincir.metrics": "Metric named Accuracy Precision Recall F1Score ConfusionMatrix AUROC LogLoss"
    " MeanSquaredError R2Score Perplexity BLEUScore",
    "zincir.models": "LeNet5 VGG resnet20 resnet56 resnet18 resnet50 UNet summary",
}


def path_of(package: str) -> Path:
    return SRC.joinpath(*package.split(".")[1:], "__init__.py")


def body(package: str) -> list[ast.stmt]:
    return ast.parse(path_of(package).read_text("utf-8")).body


def is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def is_constant(node: ast.stmt) -> bool:
    """`__version__ = "0.1.0"`, `__all__ = [...]`, and aliases such as `float = float32`."""
    simple = ast.Constant | ast.List | ast.Tuple | ast.Name | ast.Attribute
    return isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, simple)


@pytest.mark.parametrize("package", PACKAGES)
def test_init_holds_no_code(package: str) -> None:
    if package in WITH_CODE:
        pytest.skip(WITH_CODE[package])
    allowed = ast.Import | ast.ImportFrom
    code = [
        f"line {node.lineno}: {ast.unparse(node).splitlines()[0]}"
        for node in body(package)
        if not (isinstance(node, allowed) or is_docstring(node) or is_constant(node))
    ]
    assert not code, "\n".join(code)


@pytest.mark.parametrize("package", PACKAGES)
def test_exports_are_written_x_as_x(package: str) -> None:
    if package in WITH_CODE:
        pytest.skip(WITH_CODE[package])
    bare = [
        f"line {node.lineno}: {alias.name}"
        for node in body(package)
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
        if alias.asname is None
    ]
    assert not bare, "write `X as X`, or `X as _X` for what is not public: " + ", ".join(bare)


@pytest.mark.parametrize("package", sorted(EXPECTED))
def test_what_users_type_first_is_there(package: str) -> None:
    module = importlib.import_module(package)
    missing = [name for name in EXPECTED[package].split() if not hasattr(module, name)]
    assert not missing


@pytest.mark.parametrize("package", sorted(EXPECTED))
def test_no_stranger_is_public(package: str) -> None:
    """NumPy, typing and the like do not leak into what users complete with the tab key."""
    strangers = [
        name
        for name, value in vars(importlib.import_module(package)).items()
        if not name.startswith("_")
        and inspect.ismodule(value)
        and not value.__name__.startswith("zincir")
    ]
    assert not strangers
