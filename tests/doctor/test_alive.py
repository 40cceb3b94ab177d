"""Models are found among all that is alive, and nothing else is asked for anything."""

from zincir import nn
from zincir.doctor.alive import models_with


class Touchy:
    """An object that stands for another one, and must not be touched."""

    asked = 0

    @property
    def __class__(self):
        Touchy.asked += 1
        return nn.Linear


def test_objects_of_others_are_left_alone():
    kept = [Touchy()]
    net = nn.Sequential(nn.Linear(2, 1))
    found = models_with({id(p) for p in net.parameters()})
    assert list(found.values()) == [net]
    assert Touchy.asked == 0
    assert len(kept) == 1


def test_nor_is_it_asked_whether_it_is_an_optimizer():
    from zincir.doctor.of_script import _is_optimizer

    before = Touchy.asked
    assert not _is_optimizer(Touchy())
    assert Touchy.asked == before
