"""What published pretraining runs took: hardware, days, and operations, each with where the figure is from.

The four rows of the compute table that the CM-GEMS talk opens with. A petaflop/s-day is 8.64e19 operations.
Where the architecture is one that our formula counts, operations are counted; elsewhere they are what the
hardware could do in that time at `UTILISATION`, and `counted` says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dnamask_plugins.errors import ConfigError, suggest
from dnamask_plugins.pretrain.operations import Shape, Work, forward_operations

PETAFLOP_DAY: Final = 1e15 * 86_400

UTILISATION: Final = 0.35


@dataclass(frozen=True)
class Gpu:
    """An accelerator: dense 16-bit matrix products in teraflop/s, memory in GiB, and the figures' source.

    Sources that begin with "unchecked" were not found for checking.
    """

    name: str
    teraflops: float
    memory: float
    source: str


GPUS: Final[Mapping[str, Gpu]] = {
    "2080ti": Gpu(
        "RTX 2080 Ti", 53.8, 11,
        "68 SMs x 1024 operations x 1.545 GHz of the Turing whitepaper, halved for sums in 32 bits",
    ),
    "t4": Gpu("T4", 65, 16, "huggingface.co/hardware/t4: 65.13 in 16 bits, 16 GB"),
    "v100": Gpu("V100", 125, 32, "developer.nvidia.com/programming-tensor-cores-cuda-9-0; the form of 32 GB"),
    "3090": Gpu("RTX 3090", 71, 24, "twice its 35.6 of 32-bit, as vendors' comparisons have it"),
    "4090": Gpu("RTX 4090", 165, 24, "twice its 82.6 of 32-bit, as vendors' comparisons have it"),
    "l4": Gpu("L4", 121, 24, "half of 242 with sparsity, grokipedia.com/page/NVIDIA_L4_vs_L40S"),
    "l40s": Gpu("L40S", 362, 48, "362.05 without sparsity, the data sheet as mullet.se has it"),
    "a100": Gpu("A100", 312, 80, "312 bfloat16, quoted in the press beside Tesla's D1"),
    "h100": Gpu("H100", 989, 80, "989.4 without sparsity, glennklockwood.com/garden/processors/h100"),
    "h200": Gpu("H200", 989, 141, "as the H100, whose chip it has; itkb.uw.cz, nvidia-h200-vs-b300"),
    "tpuv3": Gpu("TPU v3 core", 61.5, 16, "half of a chip: 123 and 32 GiB, cloud.google.com/tpu/docs/v3"),
}  # fmt: skip


@dataclass(frozen=True)
class Published:
    """A pretraining run from a paper.

    Attributes
    ----------
    name : str
    days : float
    gpus : int
    gpu : str
        Key of `GPUS`.
    source : str
    shape : Shape or None
        None where the formula does not describe the architecture.
    length : int
        Tokens in a window.
    tokens : float or None
        All tokens that were read, padding included.
    """

    name: str
    days: float
    gpus: int
    gpu: str
    source: str
    shape: Shape | None = None
    length: int = 512
    tokens: float | None = None

    @property
    def counted(self) -> bool:
        """Whether operations are counted, and not derived from hardware and days."""
        return self.shape is not None and self.tokens is not None

    def at_peak(self) -> float:
        """Return the operations that the hardware could do in the days, at its peak."""
        return self.days * 86_400 * self.gpus * GPUS[self.gpu].teraflops * 1e12

    def operations(self) -> float:
        """Count what the run computed, padded and with full vocabulary scores."""
        if self.shape is None or self.tokens is None:
            return self.at_peak() * UTILISATION
        work = Work.padded_to(self.length, 1, 0.15)
        return forward_operations(self.shape, work).training() * self.tokens / self.length

    def petaflop_days(self) -> float:
        """Return the operations in petaflop/s-days."""
        return self.operations() / PETAFLOP_DAY

    def utilisation(self) -> float:
        """Return the share of the peak that its days come to."""
        return self.operations() / self.at_peak()


PUBLISHED: Final = (
    Published(
        "DNABERT (6-mer)", 25, 8, "2080ti",
        "Ji et al. 2021, Bioinformatics 37:2112; tokens: Zhou et al. 2024, arXiv 2306.15006, table 2",
        Shape(768, 12, 3072, 4101), 512, 122e9,
    ),
    Published(
        "DNABERT-2", 14, 8, "2080ti",
        "Zhou et al. 2024, arXiv 2306.15006, table 2 and section 4",
        Shape(768, 12, 3072, 4096, gated=True), 128, 262e9,
    ),
    Published(
        "GeneFormer", 3, 12, "v100",
        "unchecked: 3 days on V100 of 32 GB (Theodoris et al. 2023, Nature 618:616); checked: 12 GPUs, sizes "
        "and 3 epochs of 27,406,208 cells, in the authors' pretrain_geneformer_w_deepspeed.py; at most 2,048 "
        "genes each, so that operations are an upper bound",
        Shape(256, 6, 512, 25_426), 2048, 3 * 27.4e6 * 2048,
    ),
    Published(
        "Enformer", 3, 64, "tpuv3",
        "Avsec et al. 2021, Nature Methods 18:1196, as currie32.github.io/s-enformer-website quotes it (64 "
        "TPU v3 cores, 150,000 steps, about 3 days); its convolutions are not counted here",
    ),
)  # fmt: skip


def find_gpu(name: str) -> Gpu:
    """Return an accelerator by name.

    Raises
    ------
    ConfigError
        It is not in the table.

    Examples
    --------
    >>> find_gpu("RTX 2080 Ti").memory
    11
    """
    key = name.lower().replace(" ", "").replace("-", "").removeprefix("rtx").removeprefix("nvidia")
    if key not in GPUS:
        raise ConfigError(f"no figures for GPU '{name}'; {suggest(key, GPUS)}")
    return GPUS[key]
