"""Executors: in this process, and on a Ray cluster of two nodes that loses a worker and a node."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dnamask_plugins.errors import ConfigError, InputError
from dnamask_plugins.executors import Executor, LocalExecutor, make_executor


def test_local_keeps_the_order() -> None:
    assert list(LocalExecutor().map(abs, [-3, 1, 2])) == [3, 1, 2]
    assert isinstance(make_executor("local"), Executor)


@pytest.mark.parametrize(("name", "address"), [("rai", None), ("local", "127.0.0.1:6379")])
def test_bad_names_are_one_clear_line(name: str, address: str | None) -> None:
    with pytest.raises(ConfigError, match="ray"):
        make_executor(name, address)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    ray = pytest.importorskip("ray", reason="Ray is the optional extra [ray]")
    utilities = pytest.importorskip("ray.cluster_utils")
    nodes = utilities.Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes.add_node(num_cpus=1)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


@pytest.fixture(scope="module")
def on_ray(cluster: Any) -> Executor:
    return make_executor("ray", cluster.address)


def test_results_of_two_nodes_are_all_there(on_ray: Executor) -> None:
    assert sorted(on_ray.map(abs, range(-7, 1))) == list(range(8))


def test_a_killed_worker_loses_nothing(on_ray: Executor, tmp_path: Path) -> None:
    def dies_once(name: str) -> str:
        mark = tmp_path / name
        if not mark.exists():
            mark.touch()
            os._exit(9)
        return name

    assert sorted(on_ray.map(dies_once, ["a", "b", "c"])) == ["a", "b", "c"]


def test_a_failing_unit_is_tried_again(on_ray: Executor, tmp_path: Path) -> None:
    def fails_twice(name: str) -> int:
        marks = len(list(tmp_path.iterdir()))
        (tmp_path / str(marks)).touch()
        if marks < 2:
            raise OSError("network share is away")
        return marks

    assert list(on_ray.map(fails_twice, ["only"])) == [2]


def test_what_a_user_must_mend_is_raised_at_once(on_ray: Executor, tmp_path: Path) -> None:
    def refuses(name: str) -> None:
        (tmp_path / f"{time.time_ns()}").touch()
        raise InputError("genome.fa: is empty; give another file")

    with pytest.raises(InputError, match="is empty"):
        list(on_ray.map(refuses, ["only"]))
    assert len(list(tmp_path.iterdir())) == 1


def test_counting_over_files_is_the_same_on_the_cluster(on_ray: Executor, tmp_path: Path) -> None:
    import numpy as np

    from dnamask_plugins.npmi.table import NpmiTable

    rng = np.random.default_rng(0)
    files = []
    for index in range(3):
        files.append(tmp_path / f"{index}.fa")
        files[-1].write_text(f">{index}\n{''.join(rng.choice(list('ACGT'), size=4000))}\n")
    here = NpmiTable.from_fasta(files, k=4, min_count=2)
    there = NpmiTable.from_fasta(files, k=4, min_count=2, executor=on_ray)
    assert there.fingerprint == here.fingerprint


def test_a_lost_node_loses_nothing(cluster: Any, on_ray: Executor, tmp_path: Path) -> None:
    third = cluster.add_node(num_cpus=1)

    def slow(number: int) -> int:
        (tmp_path / f"{number}-{time.time_ns()}").touch()
        time.sleep(1.0)
        return number

    results = on_ray.map(slow, range(6))
    seen = [next(iter(results))]
    cluster.remove_node(third, allow_graceful=False)
    seen += list(results)
    assert sorted(seen) == [0, 1, 2, 3, 4, 5]
