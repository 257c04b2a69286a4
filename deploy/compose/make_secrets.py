#!/usr/bin/env python3
"""Make the passwords and addresses that compose.yaml mounts as secrets; what exists is kept.

    python3 deploy/compose/make_secrets.py --email smtp+tls://user:password@mail.example:587 --host hospital.example

Writes the folder `secrets` beside this file. Without `certificate.pem` in it (your certificate chain and key in one
file), a self-signed one for `--host` is made with openssl, good for trying only.
"""

from __future__ import annotations

import argparse
import base64
import secrets
import subprocess
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "secrets"


def password() -> str:
    """192 random bits in letters and digits, so that they may stand in a URL as they are."""
    return secrets.token_hex(24)


class Secrets:
    """The folder. Its files are readable by all, the folder by its owner only: containers read them as other users."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)

    def keep(self, name: str, make: Callable[[], str]) -> str:
        """The value of `name`: what the file holds, else a new one, which is written to it."""
        path = self.folder / name
        if not path.exists():
            path.write_text(make() + "\n", encoding="ascii")
            path.chmod(0o444)
        return path.read_text(encoding="ascii").strip()

    def make_all(self, *, email: str) -> None:
        """Every secret but the certificate. Addresses are made from the passwords."""
        self.keep("secret_key", lambda: secrets.token_urlsafe(64))
        self.keep("field_keys", lambda: base64.b64encode(secrets.token_bytes(32)).decode())
        self.keep("metrics_token", password)
        # 756 bytes is what MongoDB's manual asks of a key file, 6 to 1024 characters of base64 what it takes.
        self.keep("mongodb_key", lambda: secrets.token_hex(378))
        for name in ("mongodb_root_password", "mariadb_root_password", "minio_root_password"):
            self.keep(name, password)
        self.keep("minio_kms_key", lambda: f"medisecure:{base64.b64encode(secrets.token_bytes(32)).decode()}")
        postgresql = self.keep("postgresql_password", password)
        mongodb = self.keep("mongodb_password", password)
        mariadb = self.keep("mariadb_password", password)
        minio = self.keep("minio_password", password)
        rabbitmq = self.keep("rabbitmq_password", password)
        redis = self.keep("redis_password", password)
        owner = self.keep("postgresql_owner_password", password)
        self.keep("database_owner_url", lambda: f"postgresql://medisecure_owner:{owner}@postgresql:5432/medisecure")
        self.keep("database_url", lambda: f"postgresql://medisecure:{postgresql}@postgresql:5432/medisecure")
        self.keep(
            "appointments_url",
            lambda: f"mongodb://medisecure:{mongodb}@mongodb:27017/medisecure?authSource=admin&replicaSet=rs0",
        )
        self.keep("billing_url", lambda: f"mysql://medisecure:{mariadb}@mariadb:3306/medisecure")
        self.keep("s3_url", lambda: f"http://medisecure:{minio}@minio:9000/?region=eu-west-3")
        self.keep("broker_url", lambda: f"amqp://medisecure:{rabbitmq}@rabbitmq:5672/medisecure")
        self.keep("rabbitmq_user.conf", lambda: f"default_user = medisecure\ndefault_pass = {rabbitmq}")
        self.keep("redis_url", lambda: f"redis://:{redis}@redis:6379/0")
        self.keep("redis.conf", lambda: f"requirepass {redis}")
        self.keep("email_url", lambda: email)

    def self_signed(self, host: str) -> None:
        """A certificate for trying the whole; nothing is done when there is one."""
        target = self.folder / "certificate.pem"
        if target.exists():
            return
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-days", "90", "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
        # Certificate and key both go to standard output, one after the other.
        made = subprocess.run([*command, "-keyout", "-"], check=True, capture_output=True, text=True)
        target.write_text(made.stdout, encoding="ascii")
        target.chmod(0o444)
        print(f"{target} is self-signed: replace it before people use this")


def main() -> None:
    """Parse the command line and write what is absent."""
    parser = argparse.ArgumentParser(description="Make the secrets that compose.yaml mounts; what exists is kept.")
    parser.add_argument("--host", required=True, help="the name people will use, the same as PUBLIC_HOST in .env")
    parser.add_argument("--email", required=True, help="smtp://, smtps:// or smtp+tls:// address of your mail relay")
    options = parser.parse_args()
    folder = Secrets(FOLDER)
    folder.make_all(email=options.email)
    folder.self_signed(options.host)
    print(f"secrets are in {FOLDER}")


if __name__ == "__main__":
    main()
