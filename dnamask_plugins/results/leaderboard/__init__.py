"""The leaderboard: records in, one page that needs no server and no network out."""

from dnamask_plugins.results.leaderboard.aggregate import Leaderboard, aggregate
from dnamask_plugins.results.leaderboard.page import build

__all__ = ["Leaderboard", "aggregate", "build"]
