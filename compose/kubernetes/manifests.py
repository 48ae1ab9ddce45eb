"""The manifests: the reference app with what belongs to it, and a rush by Locust's workers.

PostgreSQL and Redis are not among them: a cluster has its own way to have such, and the secrets say
where they are. In nginx's place is the app's Service.
"""

from typing import Any, Final

from dress_rehearsal.compose.docker.compose_file import ComposeFile
from dress_rehearsal.compose.docker.service_spec import ServiceSpec
from dress_rehearsal.compose.kubernetes.workloads import Object, Resources, labels, metadata, pod

APP_SETTINGS: Final = "app-settings"
RUNS: Final = "locust-runs"
"""The claim of the disk that the master's run directory is written to."""

_SMALL: Final = Resources("100m", "128Mi", "1", "512Mi")
_APP: Final = Resources("1", "512Mi", "2", "1Gi")
_GENERATOR: Final = Resources("1", "512Mi", "2", "2Gi")
_RETRIES: Final = 6
_PREPARED_WITHIN_S: Final = 600
_MASTER_PORTS: Final = {"master": 5557}


def app_manifests(file: ComposeFile) -> list[Object]:
    """Return the reference app: settings, `prepare`, app, write-back worker and neighbours."""
    app, prepare, writeback, neighbours = (
        file.services[name] for name in ("app", "prepare", "writeback", "neighbours")
    )
    # What is empty is not set.
    environment = {name: value for name, value in app.environment.items() if value}
    # Who reaches the Service may write what a proxy would: an Ingress of yours switches it on.
    environment["APP_BEHIND_PROXY"] = "off"
    http = {"http": int(app.environment["APP_PORT"])}
    asked = {"http": int(neighbours.environment["NEIGHBOURS_PORT"])}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata(APP_SETTINGS, "app"),
            "data": environment,
        },
        _job(
            prepare,
            pod(prepare, _SMALL, settings=APP_SETTINGS, restart="Never"),
            backoffLimit=_RETRIES,
            activeDeadlineSeconds=_PREPARED_WITHIN_S,
        ),
        _deployment(app, 2, pod(app, _APP, settings=APP_SETTINGS, ports=http, leaves=True)),
        _service(app, http),
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": metadata("app", "app"),
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels("app")}},
        },
        _deployment(writeback, 1, pod(writeback, _SMALL, settings=APP_SETTINGS)),
        _deployment(neighbours, 1, pod(neighbours, _SMALL, ports=asked, leaves=True)),
        _service(neighbours, asked),
    ]


def locust_manifests(file: ComposeFile) -> list[Object]:
    """Return a rush: a master, which ends with it, and workers, which wait for the next."""
    master, worker = file.services["locust-master"], file.services["locust-worker"]
    port = file.services["app"].environment["APP_PORT"]
    here = {"--host=http://nginx:8080": f"--host=http://app:{port}", "--allow=nginx": "--allow=app"}
    words = master.command or ()
    assert here.keys() <= set(words)
    args = [here.get(word, word) for word in words]
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": metadata(RUNS, master.name),
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "2Gi"}},
            },
        },
        _job(
            master,
            pod(
                master,
                _GENERATOR,
                args=args,
                ports=_MASTER_PORTS,
                claims={"/runs": RUNS},
                restart="Never",
            ),
            # A rush is not repeated by itself: the app would no longer be as it was.
            backoffLimit=0,
        ),
        # No address of its own: workers are led to the Pod, also before it is ready.
        _service(master, _MASTER_PORTS, clusterIP="None", publishNotReadyAddresses=True),
        _deployment(worker, 2, pod(worker, _GENERATOR)),
    ]


def _deployment(service: ServiceSpec, replicas: int, template: Object) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(service.name, service.name),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels(service.name)},
            "template": template,
        },
    }


def _job(service: ServiceSpec, template: Object, **spec: Any) -> Object:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(service.name, service.name),
        "spec": {**spec, "template": template},
    }


def _service(service: ServiceSpec, ports: dict[str, int], **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(service.name, service.name),
        "spec": {
            **spec,
            "selector": labels(service.name),
            "ports": [
                {"name": name, "port": port, "targetPort": name} for name, port in ports.items()
            ],
        },
    }
