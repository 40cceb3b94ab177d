"""Training without a hand-written loop: `Trainer`, and what takes part in it."""

from zincir.errors import NotFinite as NotFinite
from zincir.trainer.callback import Callback as Callback, Step as Step
from zincir.trainer.checkpoint import (
    load_checkpoint as load_checkpoint,
    save_checkpoint as save_checkpoint,
)
from zincir.trainer.finding_rate import (
    RateRange as RateRange,
    find_learning_rate as find_learning_rate,
)
from zincir.trainer.gradients import (
    ClipGradients as ClipGradients,
    ExponentialAverage as ExponentialAverage,
    Freeze as Freeze,
)
from zincir.trainer.history import History as History
from zincir.trainer.logs import (
    CSVLog as CSVLog,
    JSONLog as JSONLog,
    TensorBoardLog as TensorBoardLog,
)
from zincir.trainer.patient import TrainerPatient as TrainerPatient
from zincir.trainer.progress import Progress as Progress
from zincir.trainer.saving import Checkpoint as Checkpoint
from zincir.trainer.stopping import EarlyStopping as EarlyStopping
from zincir.trainer.trainer import Trainer as Trainer
