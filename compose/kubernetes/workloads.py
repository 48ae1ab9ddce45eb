"""A service of the compose file as a Pod: its container, what it mounts, its probes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from dress_rehearsal.compose.docker.service_spec import ServiceSpec

Object = dict[str, Any]
"""An object of Kubernetes', or a part of one, as its YAML has it."""

NAME: Final = "dress-rehearsal"
SECRET: Final = "dress-rehearsal"  # noqa: S105 (its name)
"""The Secret that is made from the folder of secret files."""

_SECRETS_FOLDER: Final = "/run/secrets"
_READABLE: Final = 0o444
"""Whoever reads them runs as another user than the one whom the kubelet writes them for."""
_LEAVING_S: Final = 3
"""How long a Pod goes on before it is asked to end: until then it may still be sent requests."""
_PROBED_EVERY_S: Final = 5
_STARTING_S: Final = 120


@dataclass(frozen=True, slots=True)
class Resources:
    """What a container is promised and what it may use at most."""

    cpu: str
    memory: str
    most_cpu: str
    most_memory: str

    def manifest(self) -> Object:
        """Return it as a container's `resources`."""
        return {
            "requests": {"cpu": self.cpu, "memory": self.memory},
            "limits": {"cpu": self.most_cpu, "memory": self.most_memory},
        }


def metadata(name: str, component: str) -> Object:
    """Return an object's name and labels."""
    return {"name": name, "labels": labels(component)}


def labels(component: str) -> dict[str, str]:
    """Return the labels that a component's objects have and are found by."""
    return {"app.kubernetes.io/name": NAME, "app.kubernetes.io/component": component}


def pod(
    service: ServiceSpec,
    resources: Resources,
    *,
    settings: str | None = None,
    args: Sequence[str] | None = None,
    ports: Mapping[str, int] | None = None,
    claims: Mapping[str, str] | None = None,
    leaves: bool = False,
    restart: str = "Always",
) -> Object:
    """Return a Pod's template.

    Args:
        service: of the compose file; image, command, secrets, temporary folders, user, health check
            and time to end are its.
        settings: the ConfigMap that has its environment; None: it stands in the Pod.
        args: takes the place of the service's command.
        ports: by name, what it listens on.
        claims: PersistentVolumeClaims by the folder that each is seen as.
        leaves: whether it is asked requests, and stays a moment for those that are on their way.
        restart: the restart policy.
    """
    user, _, group = str(service.settings["user"]).partition(":")
    mounted = _mounts(service, claims or {})
    container: Object = {
        "name": service.name,
        "image": service.image,
        "imagePullPolicy": "IfNotPresent",
        "args": list(service.command or () if args is None else args),
    }
    if settings is not None:
        container["envFrom"] = [{"configMapRef": {"name": settings}}]
    elif service.environment:
        container["env"] = [{"name": k, "value": v} for k, v in service.environment.items()]
    if ports:
        container["ports"] = [{"name": n, "containerPort": port} for n, port in ports.items()]
    container |= _probes(service)
    if leaves:
        container["lifecycle"] = {"preStop": {"exec": {"command": ["sleep", str(_LEAVING_S)]}}}
    container |= {
        "resources": resources.manifest(),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": list(service.settings["cap_drop"])},
            "readOnlyRootFilesystem": bool(service.settings["read_only"]),
        },
        "volumeMounts": [mount for mount, _ in mounted],
    }
    return {
        "metadata": {"labels": labels(service.name)},
        "spec": {
            # Else a Service called `app` would set APP_PORT, which is a setting of ours.
            "enableServiceLinks": False,
            "automountServiceAccountToken": False,
            "restartPolicy": restart,
            "terminationGracePeriodSeconds": ceil(service.grace_s) + _LEAVING_S * leaves,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": int(user),
                "runAsGroup": int(group),
                "fsGroup": int(group),
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [volume for _, volume in mounted],
        },
    }


def _mounts(service: ServiceSpec, claims: Mapping[str, str]) -> list[tuple[Object, Object]]:
    """Return what a container mounts, each with the volume that it is of."""
    found: list[tuple[Object, Object]] = []
    if service.secrets:
        items = [{"key": name, "path": name} for name in service.secrets]
        secret = {"secretName": SECRET, "defaultMode": _READABLE, "items": items}
        seen = {"name": "secrets", "mountPath": _SECRETS_FOLDER, "readOnly": True}
        found.append((seen, {"name": "secrets", "secret": secret}))
    for folder in service.settings.get("tmpfs", {}):
        name = folder.strip("/").replace("/", "-")
        found.append(({"name": name, "mountPath": folder}, {"name": name, "emptyDir": {}}))
    for mount in service.mounts:
        if not mount.named:
            continue  # a folder of this machine's, such as plans of one's own
        volume: Object = {"name": mount.source}
        if mount.target in claims:
            volume["persistentVolumeClaim"] = {"claimName": claims[mount.target]}
        else:
            volume["emptyDir"] = {}
        found.append(({"name": mount.source, "mountPath": mount.target}, volume))
    return found


def _probes(service: ServiceSpec) -> Object:
    """Return when a container is started, ready and alive, by the service's health check."""
    if service.health is None:
        return {}
    check = _check(service.health.test)
    often = {
        "periodSeconds": _PROBED_EVERY_S,
        "timeoutSeconds": ceil(service.health.timeout_s),
    }
    probes: Object = {
        "startupProbe": {
            **check,
            **often,
            "failureThreshold": _STARTING_S // _PROBED_EVERY_S,
        },
        "readinessProbe": {**check, **often, "failureThreshold": 3},
    }
    get = check.get("httpGet")
    if get is not None:
        # That the process lives. A database that is gone is no reason to start it again.
        alive = {"httpGet": {**get, "path": "/healthz"}}
        probes["livenessProbe"] = {**alive, **often, "failureThreshold": 6}
    return probes


def _check(test: Sequence[str]) -> Object:
    """Return what a probe does: a request, where the image's `answers` would make one."""
    if test[0] == "answers":
        _, port, path = test
        return {"httpGet": {"path": path, "port": int(port)}}
    return {"exec": {"command": list(test)}}
