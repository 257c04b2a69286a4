#!/bin/sh
# Run once by PostgreSQL's image, in an empty data folder: the application's own role, which owns nothing.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<SQL
CREATE ROLE medisecure LOGIN PASSWORD '$(cat /run/secrets/postgresql_password)';
SQL
