"""A normalising flow of affine couplings (RealNVP) for two moons, in double precision."""

import numpy as np
import torch
import torch.nn as nn
from torch import distributions

torch.set_default_dtype(torch.float64)
rng = np.random.RandomState(11)


def moons(count):
    angle = np.pi * rng.rand(count)
    upper = rng.rand(count) < 0.5
    x = np.where(upper, np.cos(angle), 1 - np.cos(angle))
    y = np.where(upper, np.sin(angle), 0.5 - np.sin(angle))
    return np.stack([x, y], 1) + 0.05 * rng.randn(count, 2)


class RealNVP(nn.Module):
    def __init__(self, nets, nett, mask, prior):
        super(RealNVP, self).__init__()
        self.prior = prior
        self.mask = nn.Parameter(mask, requires_grad=False)
        self.t = torch.nn.ModuleList([nett() for _ in range(len(mask))])
        self.s = torch.nn.ModuleList([nets() for _ in range(len(mask))])

    def g(self, z):
        x = z
        for i in range(len(self.t)):
            x_ = x * self.mask[i]
            s = self.s[i](x_) * (1 - self.mask[i])
            t = self.t[i](x_) * (1 - self.mask[i])
            x = x_ + (1 - self.mask[i]) * (x * torch.exp(s) + t)
        return x

    def f(self, x):
        log_det_J, z = x.new_zeros(x.shape[0]), x
        for i in reversed(range(len(self.t))):
            z_ = self.mask[i] * z
            s = self.s[i](z_) * (1 - self.mask[i])
            t = self.t[i](z_) * (1 - self.mask[i])
            z = (1 - self.mask[i]) * (z - t) * torch.exp(-s) + z_
            log_det_J -= s.sum(dim=1)
        return z, log_det_J

    def log_prob(self, x):
        z, logp = self.f(x)
        return self.prior.log_prob(z) + logp


def nets():
    return nn.Sequential(
        nn.Linear(2, 24),
        nn.LeakyReLU(),
        nn.Linear(24, 24),
        nn.LeakyReLU(),
        nn.Linear(24, 2),
        nn.Tanh(),
    )


def nett():
    return nn.Sequential(
        nn.Linear(2, 24), nn.LeakyReLU(), nn.Linear(24, 24), nn.LeakyReLU(), nn.Linear(24, 2)
    )


masks = torch.from_numpy(np.array([[0, 1], [1, 0]] * 2).astype(np.float64))
prior = distributions.Independent(distributions.Normal(torch.zeros(2), torch.ones(2)), 1)
flow = RealNVP(nets, nett, masks, prior)
for p in flow.parameters():
    if p.requires_grad:
        scale = 1 / np.sqrt(p.shape[-1])
        p.data.copy_(torch.tensor(rng.uniform(-scale, scale, tuple(p.shape))))
print(flow.t[0][0].weight.dtype, sum(p.numel() for p in flow.parameters() if p.requires_grad))
optimizer = torch.optim.Adam([p for p in flow.parameters() if p.requires_grad], lr=5e-3)
for t in range(41):
    loss = -flow.log_prob(torch.from_numpy(moons(100))).mean()
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
    if t % 10 == 0:
        print("iter %s:" % t, "loss = %.6f" % loss.item())

with torch.no_grad():
    x = torch.from_numpy(moons(50))
    z, _ = flow.f(x)
    print(
        "there and back",
        bool((flow.g(z) - x).abs().max() < 1e-9),
        "log p %.5f" % flow.log_prob(x).mean(),
    )
