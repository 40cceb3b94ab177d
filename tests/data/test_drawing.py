"""Boxes drawn into images."""

import numpy as np
import pytest

from zincir.data import draw_boxes, image_grid
from zincir.errors import ShapeError

pytest.importorskip("PIL", reason="Pillow is not installed: nothing is drawn")


def test_frames_lie_on_the_border_of_boxes():
    image = np.full((3, 40, 50), 7, np.uint8)
    drawn = draw_boxes(image, [[10, 5, 30, 25]], kinds=[-1])
    frame = (drawn != 7).any(0)
    assert frame.sum() == 4 * 19
    rows, columns = np.nonzero(frame)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 24, 10, 29)
    assert (image == 7).all()
    assert draw_boxes(image, np.zeros((0, 4))).tolist() == image.tolist()


def test_texts_stay_inside_and_images_are_enlarged():
    image = np.zeros((3, 40, 50), np.uint8)
    drawn = draw_boxes(image, [[0, 0, 50, 40], [45, 30, 60, 50]], ["one", "two"], [0, 1], scale=3)
    assert drawn.shape == (3, 120, 150)
    assert (drawn.min(0) > 200).any()  # letters are white


def test_a_text_and_a_kind_for_each():
    with pytest.raises(ShapeError, match="1 boxes, 2 texts"):
        draw_boxes(np.zeros((3, 9, 9), np.uint8), [[1, 1, 5, 5]], ["a", "b"])


def test_grids():
    images = [np.full((1, 2, 3), k, np.uint8) for k in range(3)]
    grid = image_grid(images, columns=2, gap=1)
    assert grid[0].tolist() == [
        [0, 0, 0, 255, 1, 1, 1], [0, 0, 0, 255, 1, 1, 1], [255] * 7,
        [2, 2, 2, 255, 255, 255, 255], [2, 2, 2, 255, 255, 255, 255],
    ]  # fmt: skip
