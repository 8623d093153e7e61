"""The examples for clusters parse, and their commands are commands of dedupe."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from dedupe.cli.options import given, read_values, words_of
from dedupe.cli.scan import GROUPS
from dedupe.cli.schedule import _scan_command

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
JOB, CLUSTER = EXAMPLES / "kuberay-job.yaml", EXAMPLES / "ray-cluster.yaml"


def read_all(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def find_commands() -> list[str]:
    """Return the scans of both examples."""
    in_comment = re.findall(r'"(dedupe scan [^"]+)"', CLUSTER.read_text("utf-8"))
    return [read_all(JOB)[0]["spec"]["entrypoint"], *in_comment]


@pytest.mark.parametrize("command", find_commands())
def test_a_scan_of_an_example_has_options_that_exist(command: str) -> None:
    name, verb, *arguments = shlex.split(command)
    context = _scan_command().make_context("dedupe scan", arguments)
    values = read_values(given(context.params), words_of(GROUPS.values()))
    assert (name, verb, values["ray"]) == ("dedupe", "scan", "auto")
    assert values["store"]


def test_the_job_names_its_kinds_and_keeps_others_away_from_its_ports() -> None:
    job, policy = read_all(JOB)
    assert [(part["apiVersion"], part["kind"]) for part in (job, policy)] == [
        ("ray.io/v1", "RayJob"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
    ]
    head = job["spec"]["rayClusterSpec"]["headGroupSpec"]["rayStartParams"]
    assert head == {"num-cpus": "0", "dashboard-host": "127.0.0.1"}
    assert policy["spec"]["policyTypes"] == ["Ingress"]


def test_a_cluster_of_own_machines_has_a_private_address() -> None:
    (cluster,) = read_all(CLUSTER)
    start = " ".join(cluster["head_start_ray_commands"])
    assert f"--node-ip-address={cluster['provider']['head_ip']}" in start
    assert "--dashboard-host=127.0.0.1" in start
    assert cluster["provider"]["head_ip"].startswith("10.")
