"""The doctor: finds what is wrong with a training, says where, why and what helps."""

from zincir.doctor.checking import checkup as checkup
from zincir.doctor.cured import Cure as Cure, Trial as Trial
from zincir.doctor.curing import cure as cure
from zincir.doctor.finding import Finding as Finding, Severity as Severity
from zincir.doctor.report import Report as Report
from zincir.doctor.rule import explain as explain
from zincir.doctor.watching import Watch as Watch, watch as watch
