from .errors import MotoriumError as MotoriumError
from .policies.base import Policy as Policy
from .policies.base import PolicyInfo as PolicyInfo
from .policies.load import load as load
from .robots.motion import MoveResult as MoveResult
from .robots.robot import Robot as Robot
from .robots.signals import close_all as close_all
from .runtime.run import RunReport as RunReport
from .runtime.run import run as run
from .specs.robot import RobotSpec as RobotSpec
from .types import ActionChunk as ActionChunk
from .types import Observation as Observation

__version__: str
