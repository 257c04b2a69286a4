"""The smallest real handshake of each protocol, with the standard library: is this server ready, and which is it?

Every function returns what the server says of itself or raises NotReady. A listening port proves nothing: RabbitMQ
and PostgreSQL listen before they serve.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import re
import smtplib
import socket
import struct
from datetime import UTC, datetime
from typing import Any

TIMEOUT = 3.0


class NotReady(Exception):
    """The server does not answer as it should, yet."""


def _connect(host: str, port: int) -> socket.socket:
    try:
        return socket.create_connection((host, port), timeout=TIMEOUT)
    except OSError as error:
        raise NotReady(f"port {port}: {error}") from error


def _receive(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise NotReady("the connection was closed")
        data += part
    return data


# Redis (RESP) ---------------------------------------------------------------------------------------------------


def redis(host: str, port: int, password: str) -> str:
    """Sign in, PING, and return the server's version."""
    with _connect(host, port) as sock, sock.makefile("rb") as stream:
        try:
            sock.sendall(f"AUTH {password}\r\nPING\r\nINFO server\r\n".encode())
            answers = [stream.readline().strip(), stream.readline().strip()]
            if answers != [b"+OK", b"+PONG"]:
                raise NotReady(f"answers {answers!r}")
            size = int(stream.readline().strip().lstrip(b"$"))
            found = re.search(rb"redis_version:(\S+)", stream.read(size))
        except (OSError, ValueError) as error:
            raise NotReady(str(error)) from error
    return found.group(1).decode() if found else "?"


# MongoDB (OP_MSG and a little BSON) ------------------------------------------------------------------------------


def bson_encode(document: dict[str, Any]) -> bytes:
    """Encode str, bool, int (32 bits), float, list and dict values. Raises TypeError for others."""
    body = b""
    for key, value in document.items():
        name = key.encode() + b"\0"
        if isinstance(value, bool):
            body += b"\x08" + name + bytes([value])
        elif isinstance(value, str):
            text = value.encode() + b"\0"
            body += b"\x02" + name + struct.pack("<i", len(text)) + text
        elif isinstance(value, int):
            body += b"\x10" + name + struct.pack("<i", value)
        elif isinstance(value, float):
            body += b"\x01" + name + struct.pack("<d", value)
        elif isinstance(value, dict):
            body += b"\x03" + name + bson_encode(value)
        elif isinstance(value, list):
            body += b"\x04" + name + bson_encode({str(index): item for index, item in enumerate(value)})
        else:
            raise TypeError(f"{key}: {type(value).__name__} is not supported")
    return struct.pack("<i", len(body) + 5) + body + b"\0"


# Types of fixed size that we step over: object id, instant, null, timestamp, 64-bit integer.
_SKIP = {0x07: 12, 0x09: 8, 0x0A: 0, 0x11: 8, 0x12: 8}


def bson_decode(data: bytes) -> dict[str, Any]:
    """Decode the top level: numbers, strings, booleans and documents; other values are stepped over (None)."""
    result: dict[str, Any] = {}
    position = 4
    while data[position]:
        kind = data[position]
        end = data.index(b"\0", position)
        name = data[position + 1 : end].decode()
        position = end + 1
        if kind == 0x01:
            result[name] = struct.unpack_from("<d", data, position)[0]
            position += 8
        elif kind == 0x10:
            result[name] = struct.unpack_from("<i", data, position)[0]
            position += 4
        elif kind == 0x08:
            result[name] = bool(data[position])
            position += 1
        elif kind == 0x02:
            size = struct.unpack_from("<i", data, position)[0]
            result[name] = data[position + 4 : position + 3 + size].decode()
            position += 4 + size
        elif kind in (0x03, 0x04):
            size = struct.unpack_from("<i", data, position)[0]
            result[name] = bson_decode(data[position : position + size])
            position += size
        elif kind == 0x05:
            position += 5 + int(struct.unpack_from("<i", data, position)[0])
        elif kind in _SKIP:
            result[name] = struct.unpack_from("<q", data, position)[0] if kind == 0x12 else None
            position += _SKIP[kind]
        else:
            raise NotReady(f"BSON type {kind:#x} is unknown")
    return result


def mongodb(host: str, port: int, command: dict[str, Any], database: str = "admin") -> dict[str, Any]:
    """Run one command without signing in and return the answer. Raises NotReady when it is not `ok`."""
    body = b"\0\0\0\0\0" + bson_encode({**command, "$db": database})
    with _connect(host, port) as sock:
        try:
            sock.sendall(struct.pack("<iiii", len(body) + 16, 1, 0, 2013) + body)
            size = struct.unpack("<i", _receive(sock, 4))[0]
            answer = bson_decode(_receive(sock, size - 4)[17:])
        except (OSError, struct.error, ValueError, IndexError) as error:
            raise NotReady(str(error)) from error
    if not answer.get("ok"):
        raise NotReady(str(answer.get("errmsg", answer)))
    return answer


# RabbitMQ (AMQP 0-9-1) --------------------------------------------------------------------------------------------


def _short(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def _long(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _method(class_id: int, method_id: int, arguments: bytes) -> bytes:
    payload = struct.pack(">HH", class_id, method_id) + arguments
    return b"\x01\0\0" + _long(payload) + b"\xce"


def _next_method(sock: socket.socket, class_id: int, method_id: int) -> bytes:
    """The arguments of the next frame, which must be this method."""
    _, _, size = struct.unpack(">BHI", _receive(sock, 7))
    payload = _receive(sock, size + 1)[:-1]
    if struct.unpack(">HH", payload[:4]) != (class_id, method_id):
        raise NotReady(f"the broker answers {payload[:120]!r}")
    return payload[4:]


def amqp(host: str, port: int, user: str, password: str, vhost: str) -> str:
    """Sign in, open the virtual host, close in order, and return the broker's version."""
    with _connect(host, port) as sock:
        try:
            sock.sendall(b"AMQP\0\0\x09\x01")
            properties = _next_method(sock, 10, 10)
            plain = _long(f"\0{user}\0{password}".encode())
            sock.sendall(_method(10, 11, _long(b"") + _short("PLAIN") + plain + _short("en_US")))
            tune = _next_method(sock, 10, 30)
            sock.sendall(_method(10, 31, tune) + _method(10, 40, _short(vhost) + b"\0\0"))
            _next_method(sock, 10, 41)
            sock.sendall(_method(10, 50, struct.pack(">H", 200) + _short("") + struct.pack(">HH", 0, 0)))
            _next_method(sock, 10, 51)
        except (OSError, struct.error) as error:
            raise NotReady(str(error)) from error
    found = re.search(rb"\x07versionS\0\0\0.([0-9][0-9A-Za-z.+-]*)", properties, re.DOTALL)
    return found.group(1).decode() if found else "?"


# SMTP -------------------------------------------------------------------------------------------------------------


def smtp(host: str, port: int, user: str, password: str) -> str:
    """Greet and sign in; return the greeting's software name."""
    try:
        with smtplib.SMTP(timeout=TIMEOUT) as client:
            _, banner = client.connect(host, port)
            client.login(user, password)
    except (OSError, smtplib.SMTPException) as error:
        raise NotReady(str(error)) from error
    return banner.decode(errors="replace").split(" ", 1)[-1]


# HTTP and S3 ------------------------------------------------------------------------------------------------------


def http_get(host: str, port: int, path: str) -> str:
    """The body of a 200 answer over plain HTTP."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise NotReady(str(error)) from error
    finally:
        connection.close()
    if answer.status != 200:
        raise NotReady(f"GET {path}: {answer.status}")
    return body


def s3_headers(
    method: str, authority: str, path: str, key: str, secret: str, region: str, moment: datetime
) -> dict[str, str]:
    """Headers of a request without body, signed by AWS Signature Version 4 (path: already encoded, no query)."""
    stamp, day = moment.strftime("%Y%m%dT%H%M%SZ"), moment.strftime("%Y%m%d")
    empty = hashlib.sha256(b"").hexdigest()
    headers = {"host": authority, "x-amz-content-sha256": empty, "x-amz-date": stamp}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"{method}\n{path}\n\n{lines}\n{names}\n{empty}"
    scope = f"{day}/{region}/s3/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signing = f"AWS4{secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        signing = hmac.new(signing, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(signing, to_sign.encode(), hashlib.sha256).hexdigest()
    credential = f"Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "Authorization": f"AWS4-HMAC-SHA256 {credential}"}


def s3(host: str, port: int, method: str, path: str, key: str, secret: str, region: str) -> tuple[int, str]:
    """One signed request; returns the status and the `Server` header."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    headers = s3_headers(method, f"{host}:{port}", path, key, secret, region, datetime.now(UTC))
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise NotReady(str(error)) from error
    finally:
        connection.close()
    return answer.status, answer.getheader("Server", "")


def clamd(host: str, port: int) -> str:
    """The version that clamd gives."""
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT) as line:
            line.sendall(b"zVERSION\0")
            answer = line.recv(200).rstrip(b"\0\n").decode(errors="replace")
    except OSError as error:
        raise NotReady(str(error)) from error
    if not answer.startswith("ClamAV "):
        raise NotReady(answer or "no answer")
    return answer.removeprefix("ClamAV ").split("/")[0]
