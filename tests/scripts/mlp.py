"""A multilayer perceptron that tells ten kinds of small pictures, trained with Adam."""

import argparse

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def pictures(rng, count):
    """Ten blurred patterns of 8 x 8, shifted and with noise."""
    patterns = rng.rand(10, 8, 8)
    labels = rng.randint(0, 10, count)
    shifts = rng.randint(-1, 2, (count, 2))
    images = np.stack([np.roll(patterns[k], s, (0, 1)) for k, s in zip(labels, shifts)])
    return images.astype(np.float32) + 0.1 * rng.randn(count, 8, 8).astype(np.float32), labels


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 48)
        self.fc2 = nn.Linear(48, 32)
        self.fc3 = nn.Linear(32, 10)

    def forward(self, x):
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return F.log_softmax(self.fc3(x), dim=1)


def set_weights(model, rng):
    with torch.no_grad():
        for p in model.parameters():
            fan = p.shape[1] if p.dim() > 1 else p.shape[0]
            p.copy_(torch.from_numpy(rng.uniform(-1, 1, p.shape).astype("f") / np.sqrt(fan)))


def train(args, model, device, images, labels, optimizer, epoch):
    model.train()
    for batch_idx in range(0, len(images), args.batch_size):
        data = images[batch_idx : batch_idx + args.batch_size].to(device)
        target = labels[batch_idx : batch_idx + args.batch_size].to(device)
        optimizer.zero_grad()
        output = model(data)
        loss = F.nll_loss(output, target)
        loss.backward()
        optimizer.step()
        if batch_idx // args.batch_size % args.log_interval == 0:
            print(f"Train Epoch: {epoch} [{batch_idx}/{len(images)}]\tLoss: {loss.item():.6f}")


def test(model, device, images, labels):
    model.eval()
    with torch.no_grad():
        output = model(images.to(device))
        test_loss = F.nll_loss(output, labels.to(device), reduction="sum").item() / len(images)
        pred = output.argmax(dim=1, keepdim=True)
        correct = pred.eq(labels.view_as(pred)).sum().item()
    print(f"Test set: Average loss: {test_loss:.6f}, Accuracy: {correct}/{len(images)}")


def main():
    parser = argparse.ArgumentParser(description="ten kinds of pictures")
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=5e-3)
    parser.add_argument("--no-cuda", action="store_true", default=False)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log-interval", type=int, default=4)
    args = parser.parse_args()
    use_cuda = not args.no_cuda and torch.cuda.is_available()
    torch.manual_seed(args.seed)
    device = torch.device("cuda" if use_cuda else "cpu")

    rng = np.random.RandomState(args.seed)
    images, labels = (torch.from_numpy(a) for a in pictures(rng, 600))
    model = Net().to(device)
    set_weights(model, rng)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(1, args.epochs + 1):
        train(args, model, device, images[:500], labels[:500], optimizer, epoch)
        test(model, device, images[500:], labels[500:])


if __name__ == "__main__":
    main()
