"""A character model: a GRU over one-hot letters learns a rhyme, and goes on from a few letters."""

import math
import time

import numpy as np
import torch
import torch.nn as nn
from torch.autograd import Variable

text = (
    """the cat sat on the mat and the rat sat on the hat.
the hat was flat and the cat was fat and that was that.
"""
    * 4
)
all_characters = sorted(set(text))
n_characters = len(all_characters)
rng = np.random.RandomState(21)


class CharRNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size, model="gru", n_layers=1):
        super(CharRNN, self).__init__()
        self.model = model.lower()
        self.hidden_size = hidden_size
        self.n_layers = n_layers
        self.encoder = nn.Embedding(input_size, hidden_size)
        if self.model == "gru":
            self.rnn = nn.GRU(hidden_size, hidden_size, n_layers)
        elif self.model == "lstm":
            self.rnn = nn.LSTM(hidden_size, hidden_size, n_layers)
        self.decoder = nn.Linear(hidden_size, output_size)

    def forward(self, input, hidden):
        batch_size = input.size(0)
        encoded = self.encoder(input)
        output, hidden = self.rnn(encoded.view(1, batch_size, -1), hidden)
        output = self.decoder(output.view(batch_size, -1))
        return output, hidden

    def init_hidden(self, batch_size):
        if self.model == "lstm":
            return (
                Variable(torch.zeros(self.n_layers, batch_size, self.hidden_size)),
                Variable(torch.zeros(self.n_layers, batch_size, self.hidden_size)),
            )
        return Variable(torch.zeros(self.n_layers, batch_size, self.hidden_size))


def char_tensor(string):
    tensor = torch.zeros(len(string)).long()
    for c in range(len(string)):
        tensor[c] = all_characters.index(string[c])
    return tensor


def random_training_set(chunk_len, batch_size):
    inp = torch.LongTensor(batch_size, chunk_len)
    target = torch.LongTensor(batch_size, chunk_len)
    for bi in range(batch_size):
        start_index = rng.randint(0, len(text) - chunk_len - 1)
        chunk = text[start_index : start_index + chunk_len + 1]
        inp[bi] = char_tensor(chunk[:-1])
        target[bi] = char_tensor(chunk[1:])
    return Variable(inp), Variable(target)


def time_since(since):
    m, s = divmod(time.time() - since, 60)
    return "%dm %ds" % (m, s)


def train(decoder, optimizer, criterion, inp, target):
    hidden = decoder.init_hidden(inp.size(0))
    decoder.zero_grad()
    loss = 0
    for c in range(inp.size(1)):
        output, hidden = decoder(inp[:, c], hidden)
        loss += criterion(output.view(inp.size(0), -1), target[:, c])
    loss.backward()
    nn.utils.clip_grad_norm_(decoder.parameters(), 5.0)
    optimizer.step()
    return loss.data / inp.size(1)


def generate(decoder, prime_str="the ", predict_len=12):
    hidden = decoder.init_hidden(1)
    prime_input = Variable(char_tensor(prime_str).unsqueeze(0))
    predicted = prime_str
    for p in range(len(prime_str) - 1):
        _, hidden = decoder(prime_input[:, p], hidden)
    inp = prime_input[:, -1]
    for p in range(predict_len):
        output, hidden = decoder(inp, hidden)
        top_i = output.data.view(-1).div(0.8).exp().topk(1)[1][0]
        predicted += all_characters[top_i]
        inp = Variable(char_tensor(all_characters[top_i]).unsqueeze(0))
    return predicted


decoder = CharRNN(n_characters, 32, n_characters, model="gru", n_layers=1)
for p in decoder.parameters():
    p.data = torch.from_numpy(rng.uniform(-0.25, 0.25, tuple(p.size()))).type(torch.FloatTensor)
decoder_optimizer = torch.optim.Adam(decoder.parameters(), lr=0.02)
criterion = nn.CrossEntropyLoss()
start = time.time()
for epoch in range(1, 21):
    loss = train(decoder, decoder_optimizer, criterion, *random_training_set(6, 6))
    if epoch % 2 == 0:
        print("[%d %d%%] %.5f" % (epoch, epoch / 20 * 100, loss))
assert time_since(start) and math.isfinite(loss)
print("perplexity %.4f" % math.exp(loss), repr(generate(decoder)))
