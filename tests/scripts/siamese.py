"""A siamese net with a contrastive loss: do two series show the same kind of curve?"""

import random

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset

random.seed(0)
np.random.seed(0)
torch.manual_seed(0)


class Pairs(Dataset):
    def __init__(self, count):
        t = np.linspace(0, 1, 32)
        curves = [np.sin(2 * np.pi * k * t) for k in (1, 2, 3)]
        self.kinds = np.random.randint(0, 3, (count, 2))
        noise = 0.3 * np.random.randn(count, 2, 32)
        self.series = np.array([[curves[a], curves[b]] for a, b in self.kinds]) + noise

    def __getitem__(self, index):
        first, second = torch.from_numpy(self.series[index]).float().unsqueeze(1)
        same = torch.tensor([float(self.kinds[index][0] != self.kinds[index][1])])
        return first, second, same

    def __len__(self):
        return len(self.series)


class SiameseNetwork(nn.Module):
    def __init__(self):
        super(SiameseNetwork, self).__init__()
        self.cnn1 = nn.Sequential(
            nn.ReflectionPad1d(1),
            nn.Conv1d(1, 8, kernel_size=3),
            nn.ReLU(inplace=True),
            nn.GroupNorm(2, 8),
            nn.MaxPool1d(2),
            nn.Conv1d(8, 8, kernel_size=3, padding="same"),
            nn.ReLU(inplace=True),
        )
        self.fc1 = nn.Sequential(nn.Linear(8 * 16, 24), nn.ReLU(inplace=True), nn.Linear(24, 3))

    def forward_once(self, x):
        output = self.cnn1(x)
        output = output.view(output.size()[0], -1)
        return self.fc1(output)

    def forward(self, input1, input2):
        return self.forward_once(input1), self.forward_once(input2)


class ContrastiveLoss(torch.nn.Module):
    def __init__(self, margin=2.0):
        super(ContrastiveLoss, self).__init__()
        self.margin = margin

    def forward(self, output1, output2, label):
        distance = F.pairwise_distance(output1, output2, keepdim=True)
        return torch.mean(
            (1 - label) * torch.pow(distance, 2)
            + label * torch.pow(torch.clamp(self.margin - distance, min=0.0), 2)
        )


net = SiameseNetwork()
with torch.no_grad():
    for name, parameter in net.named_parameters():
        if parameter.ndim > 1:
            values = np.random.uniform(-1, 1, tuple(parameter.shape))
            parameter.copy_(torch.as_tensor(values) / parameter[0].numel() ** 0.5)
        elif name.endswith("bias"):
            parameter.zero_()
criterion = ContrastiveLoss()
optimizer = torch.optim.RMSprop(net.parameters(), lr=2e-3)
scheduler = StepLR(optimizer, step_size=2, gamma=0.5)
loader = DataLoader(Pairs(160), batch_size=32)

for epoch in range(5):
    total = 0.0
    for img0, img1, label in loader:
        optimizer.zero_grad()
        output1, output2 = net(img0, img1)
        loss = criterion(output1, output2, label)
        loss.backward()
        optimizer.step()
        total += loss.item()
    scheduler.step()
    print(
        "Epoch {} loss {:.6f} lr {:.6f}".format(
            epoch, total / len(loader), scheduler.get_last_lr()[0]
        )
    )

distances, labels = [], []
with torch.no_grad():
    for a, b, label in loader:
        distances.append(F.pairwise_distance(*net(a, b)))
        labels.append(label.squeeze(1))
distances, labels = torch.cat(distances), torch.cat(labels).bool()
print("same %.5f other %.5f" % (distances[~labels].mean(), distances[labels].mean()))
