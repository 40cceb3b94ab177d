"""A word-level LSTM language model with tied weights, truncated back-propagation and clipping."""

import argparse
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

parser = argparse.ArgumentParser(description="PyTorch RNN Language Model")
parser.add_argument("--emsize", type=int, default=24)
parser.add_argument("--nhid", type=int, default=24)
parser.add_argument("--nlayers", type=int, default=2)
parser.add_argument("--lr", type=float, default=2.0)
parser.add_argument("--clip", type=float, default=0.25)
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--batch_size", type=int, default=8)
parser.add_argument("--bptt", type=int, default=12)
parser.add_argument("--tied", action="store_true", default=True)
args = parser.parse_args()
rng = np.random.RandomState(1111)
device = torch.device("cpu")


class Corpus:
    """Sentences of a small grammar."""

    def __init__(self):
        who = "dog cat bird fox".split()
        does = "sees likes chases hears".split()
        words = []
        for _ in range(320):
            a, b, v = rng.randint(0, 4, 3)
            words += ["the", who[a], does[v], "a" if v % 2 else "the", who[b], "<eos>"]
        self.vocabulary = sorted(set(words))
        index = {w: i for i, w in enumerate(self.vocabulary)}
        ids = torch.tensor([index[w] for w in words]).type(torch.int64)
        self.train, self.valid = ids[:1600], ids[1600:]


class RNNModel(nn.Module):
    def __init__(self, ntoken, ninp, nhid, nlayers, dropout=0.0, tie_weights=False):
        super(RNNModel, self).__init__()
        self.ntoken = ntoken
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(ntoken, ninp)
        self.rnn = nn.LSTM(ninp, nhid, nlayers, dropout=dropout)
        self.decoder = nn.Linear(nhid, ntoken)
        if tie_weights:
            self.decoder.weight = self.encoder.weight
        self.nhid, self.nlayers = nhid, nlayers
        for name, p in self.named_parameters():
            values = torch.from_numpy(rng.uniform(-0.2, 0.2, p.shape))
            p.data.copy_(values if "decoder.bias" not in name else torch.zeros_like(values))

    def forward(self, input, hidden):
        emb = self.drop(self.encoder(input))
        output, hidden = self.rnn(emb, hidden)
        decoded = self.decoder(self.drop(output))
        return F.log_softmax(decoded.view(-1, self.ntoken), dim=1), hidden

    def init_hidden(self, bsz):
        weight = next(self.parameters())
        return (
            weight.new_zeros(self.nlayers, bsz, self.nhid),
            weight.new_zeros(self.nlayers, bsz, self.nhid),
        )


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    data = data.narrow(0, 0, nbatch * bsz)
    return data.view(bsz, -1).t().contiguous().to(device)


def repackage_hidden(h):
    if isinstance(h, torch.Tensor):
        return h.detach()
    return tuple(repackage_hidden(v) for v in h)


def get_batch(source, i):
    seq_len = min(args.bptt, len(source) - 1 - i)
    return source[i : i + seq_len], source[i + 1 : i + 1 + seq_len].view(-1)


corpus = Corpus()
train_data, val_data = batchify(corpus.train, args.batch_size), batchify(corpus.valid, 4)
model = RNNModel(len(corpus.vocabulary), args.emsize, args.nhid, args.nlayers, 0.0, args.tied)
criterion = nn.NLLLoss()


def evaluate(data_source):
    model.eval()
    total_loss, hidden = 0.0, model.init_hidden(4)
    with torch.no_grad():
        for i in range(0, data_source.size(0) - 1, args.bptt):
            data, targets = get_batch(data_source, i)
            output, hidden = model(data, hidden)
            hidden = repackage_hidden(hidden)
            total_loss += len(data) * criterion(output, targets).item()
    return total_loss / (len(data_source) - 1)


lr = args.lr
best_val_loss = None
for epoch in range(1, args.epochs + 1):
    model.train()
    total_loss, hidden = 0.0, model.init_hidden(args.batch_size)
    for batch, i in enumerate(range(0, train_data.size(0) - 1, args.bptt)):
        data, targets = get_batch(train_data, i)
        model.zero_grad()
        hidden = repackage_hidden(hidden)
        output, hidden = model(data, hidden)
        loss = criterion(output, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), args.clip)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-lr)
        total_loss += loss.item()
    val_loss = evaluate(val_data)
    print(
        "| end of epoch {:3d} | train loss {:8.5f} | valid loss {:8.5f} | valid ppl {:8.4f}".format(
            epoch, total_loss / (batch + 1), val_loss, math.exp(val_loss)
        )
    )
    if not best_val_loss or val_loss < best_val_loss:
        best_val_loss = val_loss
    else:
        lr /= 4.0
