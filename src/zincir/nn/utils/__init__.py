"""What trains or changes nets from outside, and sequences of different lengths."""

from zincir.nn.utils import rnn as rnn
