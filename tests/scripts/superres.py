"""Super-resolution by sub-pixel convolution (ESPCN) of smooth pictures."""

import argparse
from math import log10

import numpy as np
import torch
import torch.nn as nn
import torch.nn.init as init
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser(description="PyTorch Super Res Example")
parser.add_argument("--upscale_factor", type=int, default=2)
parser.add_argument("--batchSize", type=int, default=8)
parser.add_argument("--nEpochs", type=int, default=4)
parser.add_argument("--lr", type=float, default=0.003)
parser.add_argument("--cuda", action="store_true")
opt = parser.parse_args()

if opt.cuda and not torch.cuda.is_available():
    raise Exception("No GPU found, please run without --cuda")
device = torch.device("cuda" if opt.cuda else "cpu")
rng = np.random.RandomState(123)


class Net(nn.Module):
    def __init__(self, upscale_factor):
        super(Net, self).__init__()
        self.relu = nn.ReLU()
        self.conv1 = nn.Conv2d(1, 16, (5, 5), (1, 1), (2, 2))
        self.conv2 = nn.Conv2d(16, 16, (3, 3), (1, 1), (1, 1))
        self.conv3 = nn.Conv2d(16, upscale_factor**2, (3, 3), (1, 1), (1, 1))
        self.pixel_shuffle = nn.PixelShuffle(upscale_factor)
        self._initialize_weights()

    def forward(self, x):
        x = self.relu(self.conv1(x))
        x = self.relu(self.conv2(x))
        return self.pixel_shuffle(self.conv3(x))

    def _initialize_weights(self):
        gain = init.calculate_gain("relu")
        for conv in (self.conv1, self.conv2, self.conv3):
            fan = conv.weight[0].numel()
            values = gain / np.sqrt(fan) * rng.randn(*conv.weight.shape)
            conv.weight.data = torch.from_numpy(values).float()
            init.zeros_(conv.bias)


def pictures(count, size=16):
    y, x = np.mgrid[:size, :size] / size
    waves = rng.uniform(-6, 6, (count, 3, 1, 1)), rng.uniform(-6, 6, (count, 3, 1, 1))
    phases = rng.uniform(0, 6, (count, 3, 1, 1))
    return 0.5 + 0.15 * np.sin(waves[0] * y + waves[1] * x + phases).sum(1, keepdims=True)


target = torch.tensor(pictures(64), dtype=torch.float32)
small = nn.functional.avg_pool2d(target, opt.upscale_factor)
train_set = TensorDataset(small[:48], target[:48])
test_set = TensorDataset(small[48:], target[48:])
training_data_loader = DataLoader(dataset=train_set, batch_size=opt.batchSize, shuffle=False)
testing_data_loader = DataLoader(dataset=test_set, batch_size=opt.batchSize, shuffle=False)

model = Net(upscale_factor=opt.upscale_factor).to(device)
criterion = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=opt.lr)


def train(epoch):
    epoch_loss = 0
    for iteration, batch in enumerate(training_data_loader, 1):
        input, target = batch[0].to(device), batch[1].to(device)
        optimizer.zero_grad()
        loss = criterion(model(input), target)
        epoch_loss += loss.item()
        loss.backward()
        optimizer.step()
        print(
            "===> Epoch[{}]({}/{}): Loss: {:.6f}".format(
                epoch, iteration, len(training_data_loader), loss.item()
            )
        )
    print("===> Epoch {} Avg. Loss: {:.6f}".format(epoch, epoch_loss / len(training_data_loader)))


def test():
    avg_psnr = 0
    with torch.no_grad():
        for batch in testing_data_loader:
            input, target = batch[0].to(device), batch[1].to(device)
            avg_psnr += 10 * log10(1 / criterion(model(input), target).item())
    print("===> Avg. PSNR: {:.4f} dB".format(avg_psnr / len(testing_data_loader)))


for epoch in range(1, opt.nEpochs + 1):
    train(epoch)
    test()
