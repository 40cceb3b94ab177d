"""A DCGAN on pictures of blobs; noise and weights come from NumPy."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
import torch.utils.data
from torch.autograd import Variable

np_random = np.random.RandomState(999)
torch.manual_seed(999)
nz, ngf, ndf, nc, batchSize = 8, 8, 8, 1, 16

yy, xx = np.mgrid[:16, :16]
centres = np_random.uniform(4, 12, (96, 2))
blobs = [np.exp(-((yy - a) ** 2 + (xx - b) ** 2) / 8.0) * 2 - 1 for a, b in centres]
dataset = torch.utils.data.TensorDataset(torch.FloatTensor(np.array(blobs)).unsqueeze(1))
dataloader = torch.utils.data.DataLoader(
    dataset, batch_size=batchSize, shuffle=False, num_workers=0
)


# custom weights initialization called on netG and netD
def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        m.weight.data.copy_(torch.from_numpy(np_random.normal(0.0, 0.1, tuple(m.weight.shape))))
    elif classname.find("BatchNorm") != -1:
        m.weight.data.copy_(torch.from_numpy(np_random.normal(1.0, 0.02, tuple(m.weight.shape))))
        m.bias.data.fill_(0)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 2, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 2, ngf, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf, nc, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, input):
        return self.main(input)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(nc, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 2, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, input):
        return self.main(input).view(-1, 1).squeeze(1)


netG, netD = Generator(), Discriminator()
netG.apply(weights_init)
netD.apply(weights_init)
criterion = nn.BCELoss()
input = torch.FloatTensor(batchSize, nc, 16, 16)
noise = torch.FloatTensor(batchSize, nz, 1, 1)
label = torch.FloatTensor(batchSize)
real_label, fake_label = 1, 0
if torch.cuda.is_available():
    netD.cuda()
    netG.cuda()
    input, label, noise = input.cuda(), label.cuda(), noise.cuda()

optimizerD = optim.Adam(netD.parameters(), lr=0.001, betas=(0.5, 0.999))
optimizerG = optim.Adam(netG.parameters(), lr=0.001, betas=(0.5, 0.999))

for epoch in range(2):
    for i, (real,) in enumerate(dataloader, 0):
        # Update D: maximize log(D(x)) + log(1 - D(G(z)))
        netD.zero_grad()
        batch_size = real.size(0)
        input.resize_as_(real).copy_(real)
        label.resize_(batch_size).fill_(real_label)
        output = netD(Variable(input))
        errD_real = criterion(output, Variable(label))
        errD_real.backward()
        D_x = output.data.mean().item()

        noise.resize_(batch_size, nz, 1, 1)
        noise.copy_(torch.from_numpy(np_random.normal(0, 1, (batch_size, nz, 1, 1))))
        fake = netG(Variable(noise))
        output = netD(fake.detach())
        errD_fake = criterion(output, Variable(label.fill_(fake_label)))
        errD_fake.backward()
        errD = errD_real + errD_fake
        optimizerD.step()

        # Update G: maximize log(D(G(z)))
        netG.zero_grad()
        output = netD(fake)
        errG = criterion(output, Variable(label.fill_(real_label)))
        errG.backward()
        D_G_z2 = output.data.mean()
        optimizerG.step()
        print(
            "[%d][%d/%d] Loss_D: %.5f Loss_G: %.5f D(x): %.5f D(G(z)): %.5f"
            % (epoch, i, len(dataloader), errD.item(), errG.item(), D_x, D_G_z2)
        )
