"""Several processes that train one model, each on its part of a batch."""

from zincir.distributed.comm import Comm as Comm, SelfComm as SelfComm
from zincir.distributed.exchange import all_sum as all_sum, gather as gather
from zincir.distributed.mpi import MPIComm as MPIComm, world as world
