"""A variational autoencoder; the noise of its samples comes from NumPy."""

import numpy as np
import torch
from torch import nn, optim
from torch.nn import functional as F

rng = np.random.RandomState(3)
torch.manual_seed(3)
device = torch.device("cpu")


def randn(*shape):
    return torch.from_numpy(rng.standard_normal(shape)).float().to(device)


class VAE(nn.Module):
    def __init__(self, pixels=64, hidden=40, latent=4):
        super().__init__()
        self.fc1 = nn.Linear(pixels, hidden)
        self.fc21 = nn.Linear(hidden, latent)
        self.fc22 = nn.Linear(hidden, latent)
        self.fc3 = nn.Linear(latent, hidden)
        self.fc4 = nn.Linear(hidden, pixels)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = randn(*std.shape)
        return mu + eps * std

    def decode(self, z):
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 64))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 64), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


# Bars of 8 x 8, bright on dark.
places = rng.randint(0, 8, 256)
images = np.zeros((256, 8, 8), np.float32)
for i, k in enumerate(places):
    if i % 2:
        images[i, k] = 1
    else:
        images[i, :, k] = 1
data = torch.from_numpy(0.9 * images + 0.05)

model = VAE().to(device)
for name, p in model.named_parameters():
    p.data = randn(*p.size()) * (0.3 if "weight" in name else 0.0)
optimizer = optim.Adam(model.parameters(), lr=1e-2)

for epoch in range(1, 7):
    model.train()
    train_loss = 0
    for batch in data.split(64):
        optimizer.zero_grad()
        recon, mu, logvar = model(batch)
        loss = loss_function(recon, batch, mu, logvar)
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
    print(f"====> Epoch: {epoch} Average loss: {train_loss / len(data):.6f}")

model.eval()
with torch.no_grad():
    sample = model.decode(randn(8, 4)).cpu()
    print(f"sample mean {sample.mean().item():.6f}")
