"""A convolutional net with batch norm for pictures of shapes, trained by SGD with momentum."""

import numpy as np
import torch
import torch.backends.cudnn as cudnn
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader, Dataset

cudnn.benchmark = True
device = "cuda" if torch.cuda.is_available() else "cpu"


class Shapes(Dataset):
    """Filled squares, frames, crosses and stripes of 16 x 16, anywhere, in three colours."""

    def __init__(self, count, seed, transform=None):
        rng = np.random.RandomState(seed)
        self.images = 0.2 * rng.rand(count, 3, 16, 16).astype(np.float32)
        self.targets = rng.randint(0, 4, count)
        self.transform = transform
        for image, kind in zip(self.images, self.targets):
            top, left, n = rng.randint(0, 8), rng.randint(0, 8), rng.randint(5, 9)
            box = image[rng.randint(0, 3), top : top + n, left : left + n]
            if kind == 0:
                box += 0.8
            elif kind == 1:
                box += 0.8
                box[1:-1, 1:-1] -= 0.8
            elif kind == 2:
                box[n // 2] += 0.8
                box[:, n // 2] += 0.8
            else:
                box[::2] += 0.8

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index]
        if self.transform is not None:
            image = self.transform(image)
        return image, self.targets[index]


class BasicBlock(nn.Module):
    def __init__(self, in_planes, planes, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != planes:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_planes, planes, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(planes),
            )

    def forward(self, x):
        out = torch.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return torch.relu(out)


class ConvNet(nn.Module):
    def __init__(self, num_classes=4):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(inplace=True))
        self.layer1 = BasicBlock(8, 8)
        self.layer2 = BasicBlock(8, 16, stride=2)
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.linear = nn.Linear(16, num_classes)
        rng = np.random.RandomState(7)
        for m in self.modules():
            if isinstance(m, (nn.Conv2d, nn.Linear)):
                scale = np.sqrt(2.0 / np.prod(m.weight.shape[1:]))
                m.weight.data.copy_(torch.tensor(scale * rng.randn(*m.weight.shape)))
                if m.bias is not None:
                    m.bias.data.zero_()

    def forward(self, x):
        out = self.layer2(self.layer1(self.stem(x)))
        out = self.pool(out)
        return self.linear(out.view(out.size(0), -1))


def normalize(image):
    return (torch.from_numpy(image) - 0.15) / 0.3


trainset = Shapes(192, seed=0, transform=normalize)
testset = Shapes(96, seed=1, transform=normalize)
trainloader = DataLoader(trainset, batch_size=32, shuffle=False, num_workers=0)
testloader = DataLoader(testset, batch_size=48, shuffle=False)

net = ConvNet().to(device)
if device == "cuda":
    net = torch.nn.DataParallel(net)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4, nesterov=True)

for epoch in range(3):
    net.train()
    train_loss, correct, total = 0, 0, 0
    for inputs, targets in trainloader:
        inputs, targets = inputs.to(device), targets.to(device)
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
        train_loss += loss.item()
        _, predicted = outputs.max(1)
        total += targets.size(0)
        correct += predicted.eq(targets).sum().item()
    print("epoch %d loss %.6f acc %.3f" % (epoch, train_loss / len(trainloader), correct / total))

net.eval()
test_loss = 0.0
with torch.no_grad():
    for inputs, targets in testloader:
        outputs = net(inputs.to(device))
        test_loss += criterion(outputs, targets.to(device)).item()
print("test loss %.6f" % (test_loss / len(testloader)))
