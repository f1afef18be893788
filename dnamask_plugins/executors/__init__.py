"""Where independent pieces of work run: in this process, or on a Ray cluster.

Anything with the one method `map` is an executor.

May import `errors` and nothing else of the package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from dnamask_plugins.errors import ConfigError, suggest

Item = TypeVar("Item")
Result = TypeVar("Result")


@runtime_checkable
class Executor(Protocol):
    """Runs a function on items; function, items and results can be pickled.

    Results may come in any order. What must survive the executor, the function writes itself, into a
    folder that all workers see.
    """

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterable[Result]:
        """Yield the result of each item as it is done."""
        ...


class LocalExecutor:
    """One item after the other in this process, in the order given."""

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Yield the result of each item as it is done."""
        yield from map(function, items)


def make_executor(name: str, address: str | None = None, gpus_per_item: float | None = None) -> Executor:
    """Return an executor by name.

    Parameters
    ----------
    name : {"local", "ray"}
    address : str, optional
        Of a running Ray cluster; one is started on this machine otherwise.
    gpus_per_item : float, optional
        GPUs that an item takes; one where the cluster has any, by default.

    Raises
    ------
    ConfigError
        No such executor, or Ray is not installed or not reached.
    """
    executors: dict[str, Callable[[], Any]] = {
        "local": LocalExecutor,
        "ray": lambda: _ray(address, gpus_per_item),
    }
    if name not in executors:
        raise ConfigError(f"no executor is called '{name}'; {suggest(name, executors)}")
    if address is not None and name != "ray":
        raise ConfigError("--address is for --executor ray; add it")
    executor: Executor = executors[name]()
    return executor


def _ray(address: str | None, gpus_per_item: float | None) -> Executor:
    try:
        from dnamask_plugins.executors.ray_cluster import RayExecutor
    except ImportError:
        raise ConfigError(
            "--executor ray needs Ray, which is not installed; pip install 'dnamask-plugins[ray]'"
        ) from None
    return RayExecutor(address, gpus_per_item)
