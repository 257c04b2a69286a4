"""From an address to what Django wants: databases, storage, cache. Each one embedded or on its server."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from medisecure.env import Env, Url

#: Where the browsers' push services are: Chrome and Edge on Android, Firefox, Safari, Edge on Windows.
PUSH_HOSTS = ("fcm.googleapis.com", "updates.push.services.mozilla.com", "web.push.apple.com", "notify.windows.com")


def sqlite(path: Path) -> dict[str, Any]:
    """One embedded database. Writers queue for the lock at BEGIN, so that a read followed by a write cannot deadlock;
    `synchronous=FULL` because a committed booking must survive a power cut."""
    return {
        "ENGINE": "django_prometheus.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
        },
        "TEST": {"NAME": path.with_name(f"test-{path.name}")},
    }


def postgresql(url: Url) -> dict[str, Any]:
    return _server("django_prometheus.db.backends.postgresql", url, {"connect_timeout": 5} | url.options)


def mariadb(url: Url) -> dict[str, Any]:
    options: dict[str, Any] = {
        "charset": "utf8mb4",
        "connect_timeout": 5,
        # Counter rows are locked before they are read, so READ COMMITTED is enough and avoids gap locks.
        "isolation_level": "read committed",
        "init_command": "SET sql_mode='STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'",
    }
    return _server("django_prometheus.db.backends.mysql", url, options | url.options)


def _server(engine: str, url: Url, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "ENGINE": engine,
        "NAME": url.name,
        "USER": url.user,
        "PASSWORD": url.password,
        # Everything after the credentials, so that PostgreSQL's "host1,host2" reaches the driver.
        "HOST": _each(url, 0),
        "PORT": _each(url, 1),
        "OPTIONS": options,
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
    }


def _each(url: Url, index: int) -> str:
    """The hosts (0) or the ports (1) of "host:port,host:port", as libpq wants them; empty where none is named."""
    hosts = url.parts.netloc.rpartition("@")[2].split(",")
    found = [(host.partition(":")[0], host.partition(":")[2])[index] for host in hosts]
    return ",".join(found) if any(found) else ""


def mongodb(url: Url) -> dict[str, Any]:
    """Majority write concern, because an acknowledged booking must survive the loss of the primary."""
    options: dict[str, Any] = {"serverSelectionTimeoutMS": 5000}
    if "w" not in url.options:
        options["w"] = "majority"
    return {
        "ENGINE": "django_mongodb_backend",
        "HOST": url.raw,
        "NAME": url.name,
        "OPTIONS": options,
    }


def s3(url: Url, public: Url | None) -> dict[str, str]:
    """Where the storage is and how to sign for it. Signatures cover the host: browsers may have to reach the storage
    under another name (`public`) than the servers do."""
    endpoint = f"{url.scheme}://{url.parts.netloc.rpartition('@')[2]}"
    return {
        "endpoint": endpoint,
        "public_endpoint": public.raw.rstrip("/") if public else endpoint,
        "access_key": url.user,
        "secret_key": url.password,
        "region": url.options.get("region", "us-east-1"),
        # Asked for with each object; a server that keeps no key for it (MinIO without KMS) refuses: ?encryption=none.
        "encryption": url.options.get("encryption", "AES256"),
    }


def bucket(name: str, server: dict[str, str] | None, folder: Path) -> dict[str, Any]:
    """One private bucket on the S3 server, or a folder of its name that only this user can read."""
    if server is None:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {
                "location": folder / name,
                "file_permissions_mode": 0o600,
                "directory_permissions_mode": 0o700,
            },
        }
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": name,
            "endpoint_url": server["endpoint"],
            "access_key": server["access_key"],
            "secret_key": server["secret_key"],
            "region_name": server["region"],
            "addressing_style": "path",
            "signature_version": "s3v4",
            "default_acl": None,
            "querystring_auth": True,
            "file_overwrite": False,
            # What is read is kept on disk beyond this much: an image may be larger than the memory.
            "max_memory_size": 8 * 1024 * 1024,
            "object_parameters": {}
            if server["encryption"] == "none"
            else {"ServerSideEncryption": server["encryption"]},
        },
    }


def cache(url: Url | None, folder: Path) -> dict[str, Any]:
    """Redis, or a folder that all processes of this machine share."""
    if url is not None:
        return {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": url.raw,
            "KEY_PREFIX": "medisecure",
            "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 2, "SOCKET_TIMEOUT": 5},
        }
    return {
        "BACKEND": "medisecure.kernel.file_cache.FileCache",
        "LOCATION": folder,
        "KEY_PREFIX": "medisecure",
        # Culling removes at random, revoked tokens too: the bound is far above what one machine keeps at a time.
        "OPTIONS": {"MAX_ENTRIES": 50_000},
    }


def payments(env: Env, embedded_secret: str) -> tuple[str, str]:
    """(provider, secret of its callbacks). "local-test" moves no money and is for trying: the embedded start has it,
    with a secret of `embedded_secret`; on servers nobody takes payments online unless told otherwise."""
    name = env.choice("PAYMENT_PROVIDER", "local-test" if embedded_secret else "none", ("none", "local-test"))
    if name == "none":
        return "", ""
    secret = env.text("PAYMENT_CALLBACK_SECRET")
    if not secret and embedded_secret:
        secret = hashlib.sha256(f"payment-callbacks:{embedded_secret}".encode()).hexdigest()
    if len(secret) < 32:
        env.refuse("PAYMENT_CALLBACK_SECRET", "must be set to at least 32 characters once PAYMENT_PROVIDER names one")
    return name, secret
