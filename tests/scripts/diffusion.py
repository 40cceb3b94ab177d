"""Denoising diffusion of points on a spiral; noise and steps come from NumPy."""

import dataclasses
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import CosineAnnealingLR

rng = np.random.RandomState(8)


@dataclasses.dataclass
class Config:
    steps: int = 20
    width: int = 48
    batch: int = 64
    epochs: int = 8
    lr: float = 3e-3


class SinusoidalEmbedding(nn.Module):
    def __init__(self, size: int, scale: float = 1.0):
        super().__init__()
        self.size = size
        self.scale = scale

    def forward(self, x: torch.Tensor):
        x = x * self.scale
        half_size = self.size // 2
        emb = torch.log(torch.Tensor([10000.0])) / (half_size - 1)
        emb = torch.exp(-emb * torch.arange(half_size))
        emb = x.unsqueeze(-1) * emb.unsqueeze(0)
        return torch.cat((torch.sin(emb), torch.cos(emb)), dim=-1)

    def __len__(self):
        return self.size


class Block(nn.Module):
    def __init__(self, size: int):
        super().__init__()
        self.ff = nn.Linear(size, size)
        self.act = nn.GELU()

    def forward(self, x):
        return x + self.act(self.ff(x))


class MLP(nn.Module):
    def __init__(self, hidden: int, layers: int = 2):
        super().__init__()
        self.time = SinusoidalEmbedding(16)
        self.input1 = SinusoidalEmbedding(16, scale=25.0)
        self.joint = nn.Sequential(
            nn.Linear(3 * len(self.time), hidden),
            nn.GELU(),
            *(Block(hidden) for _ in range(layers)),
            nn.Linear(hidden, 2),
        )

    def forward(self, x, t):
        x1, x2 = self.input1(x[:, 0]), self.input1(x[:, 1])
        return self.joint(torch.cat((x1, x2, self.time(t)), dim=-1))


class NoiseScheduler:
    def __init__(self, steps, beta_start=1e-4, beta_end=0.2):
        self.betas = torch.linspace(beta_start, beta_end, steps, dtype=torch.float32)
        self.alphas = 1.0 - self.betas
        self.alphas_cumprod = torch.cumprod(self.alphas, axis=0)
        self.sqrt_alphas_cumprod = self.alphas_cumprod**0.5
        self.sqrt_one_minus = (1 - self.alphas_cumprod) ** 0.5

    def add_noise(self, x, noise, timesteps):
        s1 = self.sqrt_alphas_cumprod[timesteps].reshape(-1, 1)
        s2 = self.sqrt_one_minus[timesteps].reshape(-1, 1)
        return s1 * x + s2 * noise

    def step(self, predicted, t, sample, noise):
        mean = (sample - self.betas[t] / self.sqrt_one_minus[t] * predicted) / self.alphas[t].sqrt()
        return mean + self.betas[t].sqrt() * noise if t > 0 else mean


config = Config()
model = MLP(config.width)
state = {
    k: torch.tensor(rng.uniform(-1, 1, v.shape) / math.sqrt(v.shape[-1])).to(v.dtype)
    for k, v in model.state_dict().items()
}
print(model.load_state_dict(state))
angle = rng.uniform(0, 3 * np.pi, 512)
points = np.stack([angle * np.cos(angle), angle * np.sin(angle)], 1) / 6 + 0.02 * rng.randn(512, 2)
dataset = torch.from_numpy(points.astype(np.float32))
scheduler = NoiseScheduler(config.steps)
optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr)
lr_scheduler = CosineAnnealingLR(optimizer, T_max=config.epochs)

for epoch in range(config.epochs):
    model.train()
    losses = []
    for batch in torch.split(dataset, config.batch):
        noise = torch.from_numpy(rng.standard_normal(batch.shape).astype("float32"))
        timesteps = torch.from_numpy(rng.randint(0, config.steps, batch.shape[0])).long()
        noisy = scheduler.add_noise(batch, noise, timesteps)
        loss = F.mse_loss(model(noisy, timesteps), noise)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach().item())
    lr_scheduler.step()
    print(f"epoch {epoch} loss {np.mean(losses):.6f} lr {optimizer.param_groups[0]['lr']:.6f}")

model.eval()
sample = torch.from_numpy(rng.standard_normal((64, 2)).astype("float32"))
with torch.no_grad():
    for t in reversed(range(config.steps)):
        times = torch.full((64,), t, dtype=torch.long)
        noise = torch.from_numpy(rng.standard_normal((64, 2)).astype("float32"))
        sample = scheduler.step(model(sample, times), t, sample, noise)
print("radius {:.4f}".format(sample.norm(dim=1).mean().item()))
