#!/bin/sh
# Run once at each `up`: the two buckets, kept in versions, and a user who can use these two and nothing else.
set -eu
mc alias set --quiet store http://minio:9000 root "$(cat /run/secrets/minio_root_password)" > /dev/null
for bucket in medisecure-documents medisecure-images; do
  mc mb --ignore-existing "store/$bucket"
  mc version enable "store/$bucket"
done
mc admin user add store medisecure "$(cat /run/secrets/minio_password)"
mc admin policy create store medisecure /minio-policy.json
# Attaching a policy that is attached already is an error to mc.
mc admin policy attach store medisecure --user medisecure \
  || mc admin policy entities store --user medisecure | grep -q medisecure
