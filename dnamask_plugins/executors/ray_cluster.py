"""Work on a Ray cluster: many machines, GPUs as resources, what a lost worker had in hand is done again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

import ray

from dnamask_plugins.errors import ConfigError, DnamaskError

Item = TypeVar("Item")
Result = TypeVar("Result")

RETRIES: Final = 3
"""Times an item is tried again after its worker or node died, or it raised."""


class RayExecutor:
    """Runs items as Ray tasks, one CPU each, and one GPU each where the cluster has any.

    Parameters
    ----------
    address : str, optional
        Of a running cluster (``ray start --head`` prints it); one is started on this machine otherwise.
    gpus_per_item : float, optional
        GPUs that an item takes; several items may share one (0.25).

    Raises
    ------
    ConfigError
        The cluster cannot be reached.
    """

    def __init__(self, address: str | None = None, gpus_per_item: float | None = None) -> None:
        if not ray.is_initialized():
            try:
                ray.init(
                    address=address, log_to_driver=False, include_dashboard=False, configure_logging=False
                )
            except (ConnectionError, RuntimeError, ValueError) as error:
                reason = " ".join(str(error).split())[:200]
                raise ConfigError(f"no Ray cluster at {address}: {reason}; check --address") from None
        has_gpus = ray.cluster_resources().get("GPU", 0) > 0
        self.gpus_per_item = float(has_gpus) if gpus_per_item is None else gpus_per_item

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """Yield the result of each item as it is done, in any order.

        Raises
        ------
        DnamaskError
            An item failed more than `RETRIES` times.
        """

        def call(item: Item) -> Result | DnamaskError:
            try:
                return function(item)
            except DnamaskError as error:
                return error  # what a user must mend is not mended by another try

        remote: Any = ray.remote(
            num_cpus=1, num_gpus=self.gpus_per_item, max_retries=RETRIES, retry_exceptions=True
        )(call)
        pending = {remote.remote(item): item for item in items}
        while pending:
            ready, _ = ray.wait(list(pending), num_returns=1)
            for reference in ready:
                item = pending.pop(reference)
                try:
                    result = ray.get(reference)
                except ray.exceptions.RayError as error:
                    reason = " ".join(str(error).split())[-300:]
                    raise DnamaskError(
                        f"{item}: failed {RETRIES + 1} times on the cluster ({reason}); "
                        "run again to go on with the rest"
                    ) from None
                if isinstance(result, DnamaskError):
                    raise result
                yield result
