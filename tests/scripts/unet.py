"""U-Net that finds discs in noisy pictures, with Dice and cross-entropy."""

import logging
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s", stream=sys.stdout)
rng = np.random.RandomState(5)


class DoubleConv(nn.Module):
    """(convolution => [GN] => ReLU) * 2"""

    def __init__(self, in_channels, out_channels, mid_channels=None):
        super().__init__()
        if not mid_channels:
            mid_channels = out_channels
        self.double_conv = nn.Sequential(
            nn.Conv2d(in_channels, mid_channels, kernel_size=3, padding=1, bias=False),
            nn.GroupNorm(4, mid_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(mid_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.GroupNorm(4, out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, x):
        return self.double_conv(x)


class Up(nn.Module):
    def __init__(self, in_channels, out_channels, bilinear=True):
        super().__init__()
        if bilinear:
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.conv = DoubleConv(in_channels, out_channels, in_channels // 2)
        else:
            self.up = nn.ConvTranspose2d(in_channels, in_channels // 2, kernel_size=2, stride=2)
            self.conv = DoubleConv(in_channels, out_channels)

    def forward(self, x1, x2):
        x1 = self.up(x1)
        diffY = x2.size()[2] - x1.size()[2]
        diffX = x2.size()[3] - x1.size()[3]
        x1 = F.pad(x1, [diffX // 2, diffX - diffX // 2, diffY // 2, diffY - diffY // 2])
        return self.conv(torch.cat([x2, x1], dim=1))


class UNet(nn.Module):
    def __init__(self, n_channels, n_classes):
        super().__init__()
        self.n_classes = n_classes
        self.inc = DoubleConv(n_channels, 8)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(8, 16))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), DoubleConv(16, 16))
        self.up1 = Up(32, 8)
        self.up2 = Up(16, 8)
        self.outc = nn.Conv2d(8, n_classes, kernel_size=1)

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        x = self.up1(x3, x2)
        x = self.up2(x, x1)
        return self.outc(x)


def dice_coeff(
    input: Tensor, target: Tensor, reduce_batch_first: bool = False, epsilon: float = 1e-6
):
    assert input.size() == target.size()
    sum_dim = (-1, -2) if input.dim() == 2 or not reduce_batch_first else (-1, -2, -3)
    inter = 2 * (input * target).sum(dim=sum_dim)
    sets_sum = input.sum(dim=sum_dim) + target.sum(dim=sum_dim)
    sets_sum = torch.where(sets_sum == 0, inter, sets_sum)
    return ((inter + epsilon) / (sets_sum + epsilon)).mean()


def dice_loss(input, target):
    return 1 - dice_coeff(input.flatten(0, 1), target.flatten(0, 1), reduce_batch_first=True)


yy, xx = np.mgrid[:18, :18]
centres, radii = rng.uniform(5, 13, (48, 2)), rng.uniform(2, 5, 48)
masks = np.stack([(yy - a) ** 2 + (xx - b) ** 2 < r * r for (a, b), r in zip(centres, radii)])
images = torch.as_tensor(masks[:, None] + 0.5 * rng.randn(48, 1, 18, 18), dtype=torch.float32)
true_masks = torch.as_tensor(masks).long()

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
model = UNet(n_channels=1, n_classes=2).to(memory_format=torch.channels_last)
for m in model.modules():
    if isinstance(m, nn.Conv2d):
        std = np.sqrt(2 / m.weight[0].numel())
        m.weight.data = torch.as_tensor(std * rng.randn(*m.weight.shape), dtype=torch.float)
        if m.bias is not None:
            nn.init.constant_(m.bias, 0)
model.to(device=device)
optimizer = torch.optim.RMSprop(
    model.parameters(), lr=1e-3, weight_decay=1e-8, momentum=0.9, foreach=True
)
grad_scaler = torch.cuda.amp.GradScaler(enabled=False)
criterion = nn.CrossEntropyLoss()
logging.info("parameters: %d", sum(p.numel() for p in model.parameters() if p.requires_grad))

for epoch in range(1, 4):
    model.train()
    epoch_loss = 0
    for start in range(0, 48, 8):
        batch = images[start : start + 8].to(device=device, dtype=torch.float32)
        target = true_masks[start : start + 8].to(device=device, dtype=torch.long)
        with torch.autocast(device.type, enabled=False):
            masks_pred = model(batch)
            loss = criterion(masks_pred, target)
            loss += dice_loss(
                F.softmax(masks_pred, dim=1).float(),
                F.one_hot(target, model.n_classes).permute(0, 3, 1, 2).float(),
            )
        optimizer.zero_grad(set_to_none=True)
        grad_scaler.scale(loss).backward()
        grad_scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        grad_scaler.step(optimizer)
        grad_scaler.update()
        epoch_loss += loss.item()
    logging.info("epoch %d loss %.6f", epoch, epoch_loss / 6)

model.eval()
with torch.inference_mode():
    pred = model(images).argmax(dim=1)
    score = dice_coeff(pred.float(), true_masks.float())
logging.info("Dice %.4f", score)
