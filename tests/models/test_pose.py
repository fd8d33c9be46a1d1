from __future__ import annotations

import numpy as np
import pytest

from vfx_swap.models.facemesh.mirror import mirrored_rotation
from vfx_swap.models.facemesh.pose import matrix_from_pose, mean_rotation, pose_from_matrix, wrap_degrees
from vfx_swap.types import Pose


@pytest.mark.parametrize(
    "pose", [Pose(0, 0, 0), Pose(30, 0, 0), Pose(0, 20, 0), Pose(0, 0, 40), Pose(-50, 25, 170), Pose(80, -30, -90)]
)
def test_angles_come_back(pose: Pose) -> None:
    again = pose_from_matrix(matrix_from_pose(pose))
    assert [again.yaw_degrees, again.pitch_degrees, again.roll_degrees] == pytest.approx(
        [pose.yaw_degrees, pose.pitch_degrees, pose.roll_degrees], abs=1e-9
    )


def test_signs() -> None:
    """By hand: x right, y up, z to the camera. The nose points along z of the face, its right cheek along x."""
    nose, right = np.array([0, 0, 1.0]), np.array([1.0, 0, 0])
    assert (matrix_from_pose(Pose(30, 0, 0)) @ nose)[0] > 0.4, "yaw > 0 turns to the image's right"
    assert (matrix_from_pose(Pose(0, 30, 0)) @ nose)[1] < -0.4, "pitch > 0 looks down"
    assert (matrix_from_pose(Pose(0, 0, 30)) @ right)[1] < -0.4, "roll > 0 is clockwise"


def test_roll_taken_out_before_is_added() -> None:
    assert pose_from_matrix(np.eye(3), roll_degrees=170.0).roll_degrees == pytest.approx(170.0)
    assert wrap_degrees(190.0) == pytest.approx(-170.0)
    assert wrap_degrees(-180.0) == pytest.approx(180.0)


def test_a_mirror_turns_yaw_and_roll_round() -> None:
    pose = pose_from_matrix(mirrored_rotation(matrix_from_pose(Pose(20, 10, 30))))
    assert [pose.yaw_degrees, pose.pitch_degrees, pose.roll_degrees] == pytest.approx([-20, 10, -30])


def test_the_mean_of_rotations_is_a_rotation() -> None:
    turn = mean_rotation([2.0 * matrix_from_pose(Pose(0, 0, 10)), 2.0 * matrix_from_pose(Pose(0, 0, 30))])
    assert pose_from_matrix(turn).roll_degrees == pytest.approx(20.0)
    assert np.allclose(turn @ turn.T, np.eye(3))
