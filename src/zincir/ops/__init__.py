"""Boxes and regions of images: torchvision's operations, under its names."""

from zincir.nn.functional import sigmoid_focal_loss as sigmoid_focal_loss
from zincir.ops.boxes import (
    box_area as box_area,
    box_convert as box_convert,
    clip_boxes_to_image as clip_boxes_to_image,
    masks_to_boxes as masks_to_boxes,
    remove_small_boxes as remove_small_boxes,
)
from zincir.ops.overlap import (
    box_iou as box_iou,
    complete_box_iou as complete_box_iou,
    complete_box_iou_loss as complete_box_iou_loss,
    distance_box_iou as distance_box_iou,
    distance_box_iou_loss as distance_box_iou_loss,
    generalized_box_iou as generalized_box_iou,
    generalized_box_iou_loss as generalized_box_iou_loss,
)
from zincir.ops.regions import (
    RoIAlign as RoIAlign,
    RoIPool as RoIPool,
    roi_align as roi_align,
    roi_pool as roi_pool,
)
from zincir.ops.suppression import batched_nms as batched_nms, nms as nms
