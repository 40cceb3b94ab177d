"""Images changed at random while a net trains: batches (N, C, H, W), arrays or tensors.

Three words explain all of it.

- *Draws* are the random numbers of samples. Each depends on the seed, the epoch, the number of the
  sample in the data set and what it is for, and on nothing else: a sample is changed in the same
  way in any batch, order, thread or process, and after a restart; differently in the next epoch.
- *Numbers* say what happens to each sample: where its box is, whether it is flipped. `draw` makes
  them of draws: for every transform a small float32 array, (N, ...).
- *Apply* does what the numbers say, without chance, in operations that NumPy arrays and tensors
  share. So it is written once, and runs on arrays as well as inside a compiled step.

`Compose` puts transforms together. Called, it draws and applies:

>>> import numpy as np
>>> from zincir.data import augment
>>> chain = augment.Compose(
...     [
...         augment.RandomCrop(32, padding=4),
...         augment.RandomHorizontalFlip(),
...         augment.Normalize(mean=0.5, std=0.25),
...     ],
...     seed=1,
... )
>>> images, which = np.zeros((2, 3, 32, 32), np.uint8), [17, 4]
>>> x = chain(images, epoch=0, index=which)
>>> x.shape, x.dtype, float(x[0, 0, 0, 0])
((2, 3, 32, 32), dtype('float32'), -2.0)

In a compiled step, the numbers come in as an argument:

>>> import zincir
>>> @zincir.compile
... def step(images, numbers):
...     return chain.apply(images, numbers).mean()
>>> numbers = chain.draw(images.shape, epoch=0, index=which)
>>> step(images, numbers).item()
-2.0

Images are bytes, or float32 from 0 to 1, and come out as what they were, but for `Normalize`, which
makes float32; results are rounded to the nearest byte. Nothing is changed in place. RandAugment and
TrivialAugmentWide do not run inside a compiled step; all others do.

Boxes and masks follow: `chain(images, epoch=e, index=i, boxes=boxes, masks=masks)` returns all
three. Boxes are padded to one number for each image (`pad_boxes`, `unpad_boxes`); those that leave
the image are cut, and dropped below a share of their area.

>>> chain = augment.Compose([augment.RandomHorizontalFlip(p=1), augment.CenterCrop(4)])
>>> boxes = augment.pad_boxes([{"boxes": [[0, 2, 3, 5]], "labels": [7]}])
>>> x, boxes = chain(np.zeros((1, 3, 8, 8), np.uint8), epoch=0, index=[0], boxes=boxes)
>>> boxes.places.tolist(), boxes.labels.tolist()
([[[3.0, 0.0, 4.0, 3.0]]], [[7]])

Names, defaults and meanings are torchvision's; `interpolation` is a text. A policy draws for each
sample, and so do ColorJitter's order, MixUp and CutMix, which torchvision draws for each batch.
RandomIoUCrop's parts, which look at boxes, are scaled to the size of the image.
"""

from zincir.data.augment.affine import (
    RandomAffine as RandomAffine,
    RandomRotation as RandomRotation,
)
from zincir.data.augment.blur import GaussianBlur as GaussianBlur
from zincir.data.augment.boxes import (
    Boxes as Boxes,
    pad_boxes as pad_boxes,
    unpad_boxes as unpad_boxes,
)
from zincir.data.augment.colour import (
    ColorJitter as ColorJitter,
    Normalize as Normalize,
    RandomGrayscale as RandomGrayscale,
)
from zincir.data.augment.crop import CenterCrop as CenterCrop, RandomCrop as RandomCrop
from zincir.data.augment.draws import Draws as Draws
from zincir.data.augment.erase import Cutout as Cutout, RandomErasing as RandomErasing
from zincir.data.augment.flip import (
    RandomHorizontalFlip as RandomHorizontalFlip,
    RandomVerticalFlip as RandomVerticalFlip,
)
from zincir.data.augment.iou_crop import RandomIoUCrop as RandomIoUCrop
from zincir.data.augment.letterbox import Letterbox as Letterbox
from zincir.data.augment.mix import CutMix as CutMix, MixUp as MixUp
from zincir.data.augment.mosaic import Mosaic as Mosaic
from zincir.data.augment.pad import Pad as Pad
from zincir.data.augment.policy import (
    RandAugment as RandAugment,
    TrivialAugmentWide as TrivialAugmentWide,
)
from zincir.data.augment.resize import (
    RandomResizedCrop as RandomResizedCrop,
    Resize as Resize,
)
from zincir.data.augment.transform import (
    Compose as Compose,
    Geometric as Geometric,
    Mixing as Mixing,
    Transform as Transform,
)
