"""The one place that names generated code: messages and services of `vfx_swap.v1`, and Google's that they use.

Modules stand under short names: `wire.shots.SubmitShotRequest`, `wire.shots_grpc.ShotServiceStub`.
"""

from __future__ import annotations

from google.longrunning import operations_pb2 as operations
from google.longrunning import operations_pb2_grpc as operations_grpc
from google.protobuf import any_pb2 as any_message
from google.protobuf import duration_pb2 as duration
from google.protobuf import empty_pb2 as empty
from google.protobuf import timestamp_pb2 as timestamp
from google.rpc import code_pb2 as code
from google.rpc import error_details_pb2 as error_details
from google.rpc import status_pb2 as status

from vfx_swap.v1 import frame_service_pb2 as frames
from vfx_swap.v1 import frame_service_pb2_grpc as frames_grpc
from vfx_swap.v1 import identity_service_pb2 as identities
from vfx_swap.v1 import identity_service_pb2_grpc as identities_grpc
from vfx_swap.v1 import model_service_pb2 as models
from vfx_swap.v1 import model_service_pb2_grpc as models_grpc
from vfx_swap.v1 import parse_service_pb2 as parse
from vfx_swap.v1 import parse_service_pb2_grpc as parse_grpc
from vfx_swap.v1 import pixels_pb2 as pixels
from vfx_swap.v1 import server_service_pb2 as server
from vfx_swap.v1 import server_service_pb2_grpc as server_grpc
from vfx_swap.v1 import shot_pb2 as shot
from vfx_swap.v1 import shot_service_pb2 as shots
from vfx_swap.v1 import shot_service_pb2_grpc as shots_grpc
from vfx_swap.v1 import track_service_pb2 as track
from vfx_swap.v1 import track_service_pb2_grpc as track_grpc

__all__ = [
    "SERVICES",
    "any_message",
    "code",
    "duration",
    "empty",
    "error_details",
    "frames",
    "frames_grpc",
    "identities",
    "identities_grpc",
    "models",
    "models_grpc",
    "operations",
    "operations_grpc",
    "parse",
    "parse_grpc",
    "pixels",
    "server",
    "server_grpc",
    "shot",
    "shots",
    "shots_grpc",
    "status",
    "timestamp",
    "track",
    "track_grpc",
]

SERVICES = tuple(
    service.full_name
    for module in (frames, identities, models, parse, server, shots, track)
    for service in module.DESCRIPTOR.services_by_name.values()
)
"""Full names of our services, such as `vfx_swap.v1.ShotService`."""
