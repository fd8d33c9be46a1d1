"""Head pose between a rotation matrix and the three angles of `types.Pose`.

Convention of the matrix (MediaPipe's, OpenGL's): x right, y up, z towards the camera; it takes the canonical
face to the camera. `R = Rz(-roll) Ry(yaw) Rx(pitch)`: roll stands outermost, so rolling the picture changes
roll alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vfx_swap.types import Pose

__all__ = ["matrix_from_pose", "mean_rotation", "pose_from_matrix", "wrap_degrees"]


def pose_from_matrix(rotation: NDArray[np.floating], *, roll_degrees: float = 0.0) -> Pose:
    """Angles of a (3, 3) rotation.

    Args:
        rotation: canonical face to camera.
        roll_degrees: clockwise roll that was taken out of the picture before, added again.
    """
    turn = np.asarray(rotation, dtype=np.float64)
    yaw = np.arctan2(-turn[2, 0], np.hypot(turn[0, 0], turn[1, 0]))
    pitch = np.arctan2(turn[2, 1], turn[2, 2])
    roll = np.arctan2(-turn[1, 0], turn[0, 0])
    return Pose(
        yaw_degrees=float(np.degrees(yaw)),
        pitch_degrees=float(np.degrees(pitch)),
        roll_degrees=wrap_degrees(float(np.degrees(roll)) + roll_degrees),
    )


def matrix_from_pose(pose: Pose) -> NDArray[np.float64]:
    """The (3, 3) rotation of three angles; the inverse of `pose_from_matrix` for yaw within 90 degrees."""
    yaw, pitch, roll = np.radians([pose.yaw_degrees, pose.pitch_degrees, pose.roll_degrees])
    about_z = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    turn: NDArray[np.float64] = about_z @ about_y @ about_x
    return turn


def mean_rotation(matrices: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The rotation nearest to the mean of several (3, 3) matrices (orthogonal Procrustes); scale is dropped."""
    left, _, right = np.linalg.svd(np.mean(matrices, axis=0))
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    turn: NDArray[np.float64] = left @ sign @ right
    return turn


def wrap_degrees(angle: float) -> float:
    """An angle in (-180, 180]."""
    return -((-angle + 180.0) % 360.0 - 180.0)
