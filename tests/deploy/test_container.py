"""The Dockerfile and the compose file under deploy/, checked without building anything."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from typing import cast

import pytest
import yaml

from tests.deploy.files import DEPLOY, ROOT, options_of, program
from tests.server.process import Gearmand

_DOCKERFILE = DEPLOY / "Dockerfile"
# What the compose file may say of a service, and in which form; the compose specification knows more.
_SERVICE_KEYS: dict[str, type] = {
    "build": dict,
    "cap_drop": list,
    "depends_on": dict,
    "entrypoint": list,
    "environment": dict,
    "healthcheck": dict,
    "image": str,
    "ports": list,
    "profiles": list,
    "read_only": bool,
    "restart": str,
    "security_opt": list,
    "stop_grace_period": str,
    "stop_signal": str,
    "volumes": list,
}
Service = dict[str, object]


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile with their arguments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", _DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [
        (name, rest.strip()) for name, _, rest in (line.partition(" ") for line in text.splitlines()) if name
    ]


@pytest.fixture(scope="module")
def services() -> dict[str, Service]:
    """The services of the compose file."""
    document = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert {key for key in document if not key.startswith("x-")} == {"name", "services", "volumes"}
    return cast("dict[str, Service]", document["services"])


def _last(instructions: list[tuple[str, str]], wanted: str) -> str:
    return [rest for name, rest in instructions if name == wanted][-1]


def _words(text: str) -> list[str]:
    """The words of an instruction in the form of a list."""
    return cast("list[str]", yaml.safe_load(text))


def _seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def test_hadolint_finds_nothing_wrong() -> None:
    """Not even something to think about."""
    done = subprocess.run(
        [program("hadolint"), "--no-color", _DOCKERFILE], capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_copied_is_there_and_not_ignored(instructions: list[tuple[str, str]]) -> None:
    """The ignore file names what may come, and everything that comes."""
    copied = [
        source
        for name, rest in instructions
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    allowed = re.findall(r"^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.MULTILINE)

    assert sorted(copied) == sorted(allowed)
    assert all((ROOT / source).exists() for source in copied)


def test_the_image_runs_the_server_and_not_as_root(instructions: list[tuple[str, str]]) -> None:
    """As a user with a number, so that a cluster can see it."""
    assert _words(_last(instructions, "ENTRYPOINT")) == ["gearmand"]
    assert all(int(number) > 0 for number in _last(instructions, "USER").split(":"))


def test_stopping_a_container_is_a_graceful_stop_in_the_time_that_docker_gives(
    instructions: list[tuple[str, str]],
) -> None:
    """Ten seconds, unless it is told otherwise."""
    environment = dict(word.split("=", 1) for word in shlex.split(_last(instructions, "ENV")))

    assert _last(instructions, "STOPSIGNAL") == "SIGUSR1"
    assert 0 < int(environment["GEARMAND_DRAIN_TIMEOUT"]) < 10


def test_settings_in_the_environment_are_options_of_the_server(
    instructions: list[tuple[str, str]], services: dict[str, Service]
) -> None:
    """A misspelt one would be ignored."""
    names = set(re.findall(r"GEARMAND_\w+", _last(instructions, "ENV")))
    names |= set(cast("dict[str, str]", services["server"]["environment"]))

    options = {"--" + name.removeprefix("GEARMAND_").lower().replace("_", "-") for name in names}
    assert options <= options_of(program("gearmand"))


def test_the_health_check_asks_the_server(instructions: list[tuple[str, str]]) -> None:
    """With a command of the image, and options that it has."""
    command = _words(_last(instructions, "HEALTHCHECK").partition("CMD ")[2])

    assert command[:2] == ["geartrain", "ping"]
    assert {word for word in command if word.startswith("--")} <= options_of(program("geartrain"), "ping")


def test_the_compose_file_says_what_compose_understands(services: dict[str, Service]) -> None:
    """Known keys, in the form that they have to have."""
    for service in services.values():
        assert service.keys() <= _SERVICE_KEYS.keys()
        for key, value in service.items():
            assert isinstance(value, _SERVICE_KEYS[key]), key
        environment = cast("dict[str, object]", service.get("environment", {}))
        assert all(isinstance(value, str) for value in environment.values())


def test_every_service_builds_the_image_from_the_project(services: dict[str, Service]) -> None:
    """One that only named it would have it pulled; paths are relative to file and project."""
    for service in services.values():
        build = cast("dict[str, str]", service["build"])

        context = (DEPLOY / build["context"]).resolve()
        assert context == ROOT
        assert context / build["dockerfile"] == _DOCKERFILE
        assert service["image"] == "geartrain"


def test_services_wait_for_services_that_are_there(services: dict[str, Service]) -> None:
    """Until the health check of the image says that the server answers."""
    for name in ("worker", "client"):
        assert services[name]["depends_on"] == {"server": {"condition": "service_healthy"}}
        environment = cast("dict[str, str]", services[name]["environment"])
        assert environment["GEARMAN_SERVER"] == "server:4730"
    assert "healthcheck" not in services["server"]


def test_the_server_has_the_time_for_its_graceful_stop(services: dict[str, Service]) -> None:
    """Compose kills a container that takes longer."""
    server = services["server"]
    environment = cast("dict[str, str]", server["environment"])

    assert (
        _seconds(cast("str", server["stop_grace_period"])) >= int(environment["GEARMAND_DRAIN_TIMEOUT"]) + 10
    )


def test_worker_and_client_do_what_the_guide_says(services: dict[str, Service]) -> None:
    """Their commands, run here: the client prints the result of the worker."""
    worker, client = [cast("list[str]", services[name]["entrypoint"]) for name in ("worker", "client")]
    with Gearmand("-L127.0.0.1") as server:
        environment = {**os.environ, "GEARMAN_SERVER": f"127.0.0.1:{server.port}"}
        with subprocess.Popen([program(worker[0]), *worker[1:]], env=environment) as process:
            done = subprocess.run(
                [program(client[0]), *client[1:]],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=environment,
                timeout=60,
            )
            process.terminate()

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == b"HELLO"
