"""Data sets, the order of their samples, and batches made of them: `torch.utils.data`."""

from zincir.utils.data.collate import (
    collate as collate,
    default_collate as default_collate,
    default_convert as default_convert,
)
from zincir.utils.data.dataloader import DataLoader as DataLoader
from zincir.utils.data.dataset import (
    ChainDataset as ChainDataset,
    ConcatDataset as ConcatDataset,
    Dataset as Dataset,
    IterableDataset as IterableDataset,
    StackDataset as StackDataset,
    Subset as Subset,
    TensorDataset as TensorDataset,
    random_split as random_split,
)
from zincir.utils.data.distributed import DistributedSampler as DistributedSampler
from zincir.utils.data.sampler import (
    BatchSampler as BatchSampler,
    RandomSampler as RandomSampler,
    Sampler as Sampler,
    SequentialSampler as SequentialSampler,
    SubsetRandomSampler as SubsetRandomSampler,
    WeightedRandomSampler as WeightedRandomSampler,
)
from zincir.utils.data.worker import (
    WorkerInfo as WorkerInfo,
    get_worker_info as get_worker_info,
)
