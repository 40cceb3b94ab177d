"""Functions of functions: gradients, Jacobians, many examples at once: `torch.func`."""

from zincir.func.gradients import (
    grad as grad,
    grad_and_value as grad_and_value,
    jvp as jvp,
    vjp as vjp,
)
from zincir.func.jacobians import hessian as hessian, jacfwd as jacfwd, jacrev as jacrev
from zincir.func.modules import (
    functional_call as functional_call,
    stack_module_state as stack_module_state,
)
from zincir.func.vmap import vmap as vmap
