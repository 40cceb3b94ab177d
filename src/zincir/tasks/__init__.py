"""Whole trainings from a folder or a file: images, tables and texts told apart, numbers predicted,
objects found.

What `zincir train`, `zincir eval` and `zincir predict` do.
"""

from zincir.tasks.detections import Detections as Detections
from zincir.tasks.images import Images as Images
from zincir.tasks.options import Options as Options
from zincir.tasks.runs import (
    Run as Run,
    describe as describe,
    open_run as open_run,
    train as train,
)
from zincir.tasks.tables import Tables as Tables
from zincir.tasks.task import TASKS as TASKS, Task as Task
from zincir.tasks.texts import Texts as Texts
