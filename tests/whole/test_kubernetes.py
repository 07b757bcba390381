"""The Kubernetes manifests follow the API, run what compose runs, and promise the same safety."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from moderation.settings import settings, variable

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
FILES = sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
DOCUMENTS = [document for name in FILES for document in yaml.safe_load_all((FOLDER / name).read_text())]
PODS = {
    document["metadata"]["name"]: document["spec"]["template"]["spec"]
    for document in DOCUMENTS
    if document["kind"] in ("Deployment", "Job")
}


def test_every_manifest_follows_the_api():
    checked = subprocess.run(
        [Path(sys.executable).parent / "kubernetes-validate", "--strict", "--quiet", *FILES],
        cwd=FOLDER,
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_kustomize_knows_every_file():
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]

    assert sorted(listed) == FILES


@pytest.mark.parametrize("name", PODS)
def test_a_pod_runs_the_command_of_compose_without_rights(name):
    [container] = PODS[name]["containers"]

    assert container["command"] == [
        word.replace("${SCORE_CONCURRENCY:-2}", "2") for word in COMPOSE[name]["command"]
    ]
    assert PODS[name]["securityContext"]["runAsNonRoot"] is True
    assert PODS[name]["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"]
    assert container["resources"]["limits"]["memory"]
    assert name == "migrate" or "livenessProbe" in container


def test_the_web_door_stays_reachable_and_grows():
    [container] = PODS["web"]["containers"]
    kinds = {(one["kind"], one["metadata"]["name"]) for one in DOCUMENTS}

    assert container["readinessProbe"]["httpGet"]["path"] == "/healthz"
    assert {"startupProbe", "livenessProbe", "lifecycle"} <= set(container)
    assert {("PodDisruptionBudget", "web"), ("HorizontalPodAutoscaler", "web")} <= kinds
    assert {("PodDisruptionBudget", "score"), ("HorizontalPodAutoscaler", "score")} <= kinds


def test_every_setting_named_here_exists():
    known = {variable(one.name) + end for one in settings() for end in ("", "_FILE")}
    used = {
        name for one in DOCUMENTS if one["kind"] == "ConfigMap" for name in one["data"] if name[:4] == "BTL_"
    }
    for pod in PODS.values():
        used |= {env["name"] for env in pod["containers"][0].get("env", ()) if env["name"][:4] == "BTL_"}

    assert used <= known
