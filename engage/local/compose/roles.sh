#!/bin/sh
# Run once by the PostgreSQL image on an empty volume: the owner migrates, `runtime` serves; neither is a superuser.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set owner_password="$OWNER_PASSWORD" --set runtime_password="$RUNTIME_PASSWORD" <<'SQL'
CREATE ROLE owner LOGIN NOSUPERUSER NOCREATEROLE NOBYPASSRLS PASSWORD :'owner_password';
CREATE ROLE runtime LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'runtime_password';
CREATE DATABASE engage OWNER owner;
SQL
