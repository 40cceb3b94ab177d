"""Nets of the literature, under torchvision's names, and a table of what a net is made of."""

from zincir.models.detector import (
    Detector as Detector,
    Found as Found,
    detection_loss as detection_loss,
    detections as detections,
)
from zincir.models.layer_times import profile as profile
from zincir.models.lenet import LeNet5 as LeNet5
from zincir.models.mobilenet import (
    InvertedResidual as InvertedResidual,
    MobileNetV2 as MobileNetV2,
    mobilenet_v2 as mobilenet_v2,
)
from zincir.models.profile_table import LayerTimes as LayerTimes, Profile as Profile
from zincir.models.resnet import (
    BasicBlock as BasicBlock,
    Bottleneck as Bottleneck,
    ResNet as ResNet,
    resnet18 as resnet18,
    resnet34 as resnet34,
    resnet50 as resnet50,
    resnet101 as resnet101,
)
from zincir.models.resnet_small import (
    SmallBlock as SmallBlock,
    SmallResNet as SmallResNet,
    resnet20 as resnet20,
    resnet32 as resnet32,
    resnet44 as resnet44,
    resnet56 as resnet56,
    resnet110 as resnet110,
)
from zincir.models.summary import Row as Row, Summary as Summary, summary as summary
from zincir.models.unet import UNet as UNet
from zincir.models.vgg import (
    VGG as VGG,
    SmallVGG as SmallVGG,
    vgg11 as vgg11,
    vgg11_bn as vgg11_bn,
    vgg13 as vgg13,
    vgg13_bn as vgg13_bn,
    vgg16 as vgg16,
    vgg16_bn as vgg16_bn,
    vgg19 as vgg19,
    vgg19_bn as vgg19_bn,
)
