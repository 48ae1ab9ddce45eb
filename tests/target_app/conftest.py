"""Real PostgreSQL and Redis for the whole session, and apps on them: here or as children."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="target_app_run_"))

import httpx
import pytest

from dress_rehearsal.target_app.allocators import ALLOCATIONS
from dress_rehearsal.target_app.faults import FAULTS, FAULTS_KEY
from dress_rehearsal.target_app.kafka import connection as kafka_connection
from dress_rehearsal.target_app.kafka import member as kafka_member
from dress_rehearsal.target_app.roster import read_roster
from dress_rehearsal.target_app.sqs import queue as sqs_queue
from tests.target_app.apps import ADMIN_TOKEN, App, InProcess, Stage
from tests.target_app.children import Child, Neighbours, serving_kafka, serving_sqs
from tests.target_app.growth import Growth
from tests.target_app.meddling import Meddler
from tests.target_app.servers import Postgres, RedisServer
from tests.target_app.waiting import eventually, free_port
from tests.target_app.wire import Wire

STUDENTS = 120
OUTSIDERS = 5  # the last rows of the roster
GATE_TOKEN = "gate-token-of-the-tests"
_numbers = itertools.count(1)


def pytest_unconfigure() -> None:
    runtime = Path(os.environ["XDG_RUNTIME_DIR"])
    if runtime.name.startswith("target_app_run_"):
        shutil.rmtree(runtime, ignore_errors=True)


@pytest.fixture(name="eventually", scope="session")
def give_eventually() -> Callable[..., Any]:
    return eventually


@pytest.fixture(scope="session")
def root() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ta_", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)  # PostgreSQL runs as another user where the tests run as root
        yield Path(name)


@pytest.fixture(scope="session")
def postgres(root: Path) -> Iterator[Postgres]:
    server = Postgres(root)
    yield server
    server.close()


@pytest.fixture(scope="session")
def redis_server(root: Path) -> Iterator[RedisServer]:
    server = RedisServer(root)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def roster_file(root: Path) -> Path:
    path = root / "roster.csv"
    lines = [
        f"2026{index:05d},{7919 * (index + 1) % 100000:05d},{int(index < STUDENTS)}\n"
        for index in range(STUDENTS + OUTSIDERS)
    ]
    path.write_text("student,pin,enrolled\n" + "".join(lines))
    return path


@pytest.fixture(scope="session")
def stage_in(
    postgres: Postgres, redis_server: RedisServer, roster_file: Path, root: Path
) -> Callable[..., Stage]:
    """Make a stage whose processes announce their metrics in a folder."""

    def make(folder: Path, allocation: str = "redis_writeback", **changes: object) -> Stage:
        naive = allocation == "naive"
        environment = {
            "APP_PORT": str(free_port()),
            "APP_WORKERS": "1",
            "APP_BACKLOG": "4096",
            "APP_DATABASE_DSN": postgres.dsn("naive" if naive else "sound"),
            "APP_REDIS_URL": redis_server.url(int(naive)),
            "APP_ALLOCATION": allocation,
            "APP_POSTGRES_POOL": "4",
            "APP_POSTGRES_POOL_TIMEOUT": "2",
            "APP_REDIS_POOL": "8",
            "APP_REDIS_POOL_TIMEOUT": "2",
            "APP_EVENT": f"event{next(_numbers)}",
            "APP_TICKETS": "50",
            "APP_OPENS_AT_NS": "1",
            "APP_ENROLMENT_LIMIT": "50",
            "APP_ENROLMENT_TIMEOUT": "1",
            "APP_WAITING_ROOM": "off",
            "APP_ADMISSION_RATE": "1000",
            "APP_ADMISSION_CAP": "2000",
            "APP_ROSTER_FILE": str(roster_file),
            "APP_TARGETS_DIR": str(folder / "targets"),
            "APP_JWT_SECRET": "jwt-secret-of-the-tests",
            "APP_QR_SECRET": "qr-secret-of-the-tests",
            "APP_PIN_SECRET": "pin-secret-of-the-tests",
            "APP_ADMIN_TOKEN": ADMIN_TOKEN,
            "APP_GATE_TOKEN": GATE_TOKEN,
        }
        environment |= {name: str(value) for name, value in changes.items()}
        return Stage(postgres, redis_server, root, read_roster(roster_file), environment)

    return make


@pytest.fixture
def make_stage(stage_in: Callable[..., Stage], tmp_path: Path) -> Callable[..., Stage]:
    """Make a stage for one test: `make_stage(allocation, APP_…=…)`."""
    return partial(stage_in, tmp_path)


@pytest.fixture
def start_app(make_stage: Callable[..., Stage]) -> Iterator[Callable[..., InProcess]]:
    """Start an app in this process: `start_app(allocation, APP_…=…)`."""
    apps: list[InProcess] = []

    def start(allocation: str = "redis_writeback", **changes: object) -> InProcess:
        stage = make_stage(allocation, **changes)
        stage.prepare()
        apps.append(InProcess(stage))
        return apps[-1]

    yield start
    for app in apps:
        app.close()


@pytest.fixture
def start_faulty(
    start_app: Callable[..., InProcess], redis_server: RedisServer
) -> Iterator[Callable[..., InProcess]]:
    """Start an app whose faults can be switched on; they are all off afterwards."""

    def forget() -> None:
        with redis_server.client() as redis:
            redis.delete(FAULTS_KEY)
        FAULTS.set_all({})

    def start(allocation: str = "redis_writeback", **changes: object) -> InProcess:
        return start_app(allocation, APP_FAULTS="on", **changes)

    forget()
    yield start
    forget()


@pytest.fixture
def children() -> Iterator[list[Child]]:
    """The child processes of a test; they are killed at the end if need be."""
    started: list[Child] = []
    yield started
    for child in started:
        if child.process.poll() is None:
            child.process.kill()
        child.wait()


@pytest.fixture
def spawn(children: list[Child]) -> Callable[[str, Stage], Child]:
    """Start a module of the service as a child process."""

    def start(module: str, stage: Stage) -> Child:
        children.append(Child(module, stage.environment))
        return children[-1]

    return start


@pytest.fixture
def connect_app(children: list[Child]) -> Iterator[Callable[[Stage], App]]:
    """Reach an app that was spawned as a child, once all of its workers are open."""
    apps: list[App] = []

    def connect(stage: Stage) -> App:
        app = App(f"http://127.0.0.1:{stage.settings.port}", stage)
        apps.append(app)
        workers = stage.settings.workers

        def is_open() -> bool:
            for child in children:
                code = child.process.poll() or 0
                assert code <= 0, f"it ended with {code}: {child.lines[-5:]}"
            if len(list(stage.targets.glob("app-*.json"))) < workers:
                return False
            try:
                return app.http.get("/readyz").status_code == 200
            except httpx.TransportError:
                return False

        eventually(is_open)
        return app

    yield connect
    for app in apps:
        app.http.close()


@pytest.fixture(scope="session")
def neighbours_of_the_session(roster_file: Path) -> Iterator[Neighbours]:
    found = Neighbours(roster_file)
    yield found
    found.close()


@pytest.fixture
def neighbours(neighbours_of_the_session: Neighbours) -> Neighbours:
    """The neighbours, quick and faultless until told otherwise, with no alert heard yet."""
    neighbours_of_the_session.begin_anew()
    return neighbours_of_the_session


@pytest.fixture(name="serving_sqs")
def give_serving_sqs(aws: dict[str, str]) -> Callable[..., Any]:
    return serving_sqs


@pytest.fixture(scope="session")
def sqs_endpoint() -> Iterator[str]:
    with serving_sqs("dress_rehearsal.compose.servers.moto_server") as url:
        yield url


@pytest.fixture(scope="session")
def boto_session() -> Any:
    """One for all clients: each session of its own reads the description of SQS again."""
    return sqs_queue.get_session()


@contextmanager
def aws_environment(boto_session: Any) -> Iterator[dict[str, str]]:
    """What clients of SQS find in the environment; hidden messages come again after a second."""
    variables = {
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "tests",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.setattr(sqs_queue, "get_session", lambda: boto_session)
        patch.setattr(sqs_queue, "VISIBILITY_S", 1)
        patch.setattr(sqs_queue, "WAIT_S", 0)  # an empty queue is known to be empty at once
        yield variables


@pytest.fixture
def aws(boto_session: Any) -> Iterator[dict[str, str]]:
    with aws_environment(boto_session) as variables:
        yield variables


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    with serving_kafka() as bootstrap:
        yield bootstrap


@contextmanager
def kafka_alone() -> Iterator[None]:
    """Readers in this process take all partitions by themselves: a group takes 3 s to form."""

    async def join(member: kafka_member.Member) -> None:
        async with kafka_connection.answered():
            consumer = await member._reading()
            partitions = await member._lag.partitions(member._topic)
            consumer.assign(partitions)
            member.assigned(partitions)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kafka_member.Member, "_share", lambda member, consumer: None)
        patch.setattr(kafka_member.Member, "join", join)
        patch.setattr(kafka_member, "WAIT_MS", 20)
        yield


QUEUED = ("sqs_writeback", "kafka_writeback")


@contextmanager
def queue_for(request: pytest.FixtureRequest, allocation: str) -> Iterator[dict[str, str]]:
    """What an app needs whose grants go to a queue of its own; nothing where they go to none."""
    name = f"grants-{next(_numbers)}"
    if allocation == "sqs_writeback":
        with aws_environment(request.getfixturevalue("boto_session")) as variables:
            endpoint = request.getfixturevalue("sqs_endpoint")
            yield {"APP_SQS_ENDPOINT": endpoint, "APP_SQS_QUEUE": name, **variables}
    elif allocation == "kafka_writeback":
        bootstrap = request.getfixturevalue("kafka_bootstrap")
        with kafka_alone():
            yield {"APP_KAFKA_BOOTSTRAP": bootstrap, "APP_KAFKA_TOPIC": name}
    else:
        yield {}


@pytest.fixture
def queue_settings(request: pytest.FixtureRequest) -> Iterator[Callable[[str], dict[str, str]]]:
    """Give an allocation the queue that it needs: `queue_settings(allocation)`."""
    with ExitStack() as stack:
        yield lambda allocation: stack.enter_context(queue_for(request, allocation))


@pytest.fixture(params=QUEUED)
def queued(request: pytest.FixtureRequest) -> str:
    """Each allocation whose grants go through a queue."""
    return str(request.param)


@pytest.fixture
def start_queued(
    start_app: Callable[..., InProcess],
    queue_settings: Callable[[str], dict[str, str]],
    queued: str,
) -> Callable[..., InProcess]:
    """Start an app whose grants go to a queue of its own: `start_queued(APP_…=…)`."""
    settings = queue_settings(queued)
    return lambda **changes: start_app(queued, **settings, **changes)


@pytest.fixture(scope="module", params=list(ALLOCATIONS))
def shared_app(
    request: pytest.FixtureRequest,
    stage_in: Callable[..., Stage],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[InProcess]:
    """An app of each allocation, for all tests of a module that want newcomers and no more."""
    with ExitStack() as stack:
        queue = stack.enter_context(queue_for(request, request.param))
        stage = stage_in(tmp_path_factory.mktemp("stage"), request.param, **queue)
        stage.prepare()
        app = InProcess(stage)
        stack.callback(app.close)
        yield app


@pytest.fixture
def meddle() -> Iterator[Callable[[Any], Meddler]]:
    meddlers: list[Meddler] = []

    def begin(app: Any) -> Meddler:
        meddlers.append(Meddler(app.stage.settings.database_dsn))
        return meddlers[-1]

    yield begin
    for meddler in meddlers:
        meddler.close()


@pytest.fixture
def growth() -> Growth:
    return Growth()


@pytest.fixture(scope="module")
def wire(
    stage_in: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, redis_server: Any
) -> Iterator[Wire]:
    folder = tmp_path_factory.mktemp("hostile")
    stage = stage_in(folder, APP_FAULTS="on", APP_WAITING_ROOM="sse")
    stage.prepare()
    app = InProcess(stage)
    yield Wire(app)
    app.close()
    with redis_server.client() as redis:
        redis.delete("faults", *redis.scan_iter("login:failed:*"))
