"""Data to train on: data sets that ship with the package, files and arrays as data sets; and
PyTorch's data sets and loaders (`zincir.utils.data`).

Images are changed at random by `zincir.data.augment`, which is imported by name.
"""

from zincir.data.balance import BalancedSampler as BalancedSampler
from zincir.data.cifar10 import (
    CIFAR10 as CIFAR10,
    CIFAR10_CLASSES as CIFAR10_CLASSES,
    load_cifar10 as load_cifar10,
)
from zincir.data.coco import CocoDataset as CocoDataset
from zincir.data.columns import Column as Column
from zincir.data.decoding import read_image as read_image, write_image as write_image
from zincir.data.detection import (
    DetectionDataset as DetectionDataset,
    Letterboxed as Letterboxed,
    collate_detections as collate_detections,
)
from zincir.data.detection_arrays import (
    DetectionArrays as DetectionArrays,
    detection_arrays as detection_arrays,
    true_boxes as true_boxes,
)
from zincir.data.detection_folder import detection_parts as detection_parts
from zincir.data.digits import Digits as Digits, load_digits as load_digits
from zincir.data.download import fetch_data as fetch_data
from zincir.data.drawing import draw_boxes as draw_boxes, image_grid as image_grid
from zincir.data.fashion_mnist import (
    FASHION_MNIST_CLASSES as FASHION_MNIST_CLASSES,
    FashionMNIST as FashionMNIST,
    load_fashion_mnist as load_fashion_mnist,
)
from zincir.data.folders import (
    DatasetFolder as DatasetFolder,
    ImageFolder as ImageFolder,
)
from zincir.data.image_arrays import ImageArrays as ImageArrays
from zincir.data.mnist import MNIST as MNIST, load_mnist as load_mnist
from zincir.data.names import Names as Names, load_names as load_names
from zincir.data.registry import (
    data_home as data_home,
    find_data as find_data,
    known_data as known_data,
)
from zincir.data.scenes import Scenes as Scenes
from zincir.data.shakespeare import (
    Shakespeare as Shakespeare,
    load_shakespeare as load_shakespeare,
)
from zincir.data.small_tables import (
    load_auto_mpg as load_auto_mpg,
    load_penguins as load_penguins,
)
from zincir.data.spam import Spam as Spam, load_spam as load_spam
from zincir.data.splits import (
    class_weights as class_weights,
    stratified_split as stratified_split,
    targets_of as targets_of,
)
from zincir.data.table_encoder import TableDataset as TableDataset, TableEncoder as TableEncoder
from zincir.data.tables import Table as Table
from zincir.data.texts import TextDataset as TextDataset
from zincir.data.write_detection import write_detections as write_detections
from zincir.data.yolo import YoloDataset as YoloDataset
from zincir.utils.data import (
    BatchSampler as BatchSampler,
    ChainDataset as ChainDataset,
    ConcatDataset as ConcatDataset,
    DataLoader as DataLoader,
    Dataset as Dataset,
    DistributedSampler as DistributedSampler,
    IterableDataset as IterableDataset,
    RandomSampler as RandomSampler,
    Sampler as Sampler,
    SequentialSampler as SequentialSampler,
    StackDataset as StackDataset,
    Subset as Subset,
    SubsetRandomSampler as SubsetRandomSampler,
    TensorDataset as TensorDataset,
    WeightedRandomSampler as WeightedRandomSampler,
    WorkerInfo as WorkerInfo,
    default_collate as default_collate,
    default_convert as default_convert,
    get_worker_info as get_worker_info,
    random_split as random_split,
)
