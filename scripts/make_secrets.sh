#!/usr/bin/env bash
# Make the secrets that docker-compose.yml mounts, in secrets/; one that is there already is left as it is.
set -euo pipefail
folder=${1:-secrets}

mkdir -p "$folder"
# The folder keeps others out. The files are readable because the container's user is not ours.
chmod 700 "$folder"
keep() { # NAME VALUE
    if [ -s "$folder/$1" ]; then echo "$folder/$1 is there already"; return; fi
    printf '%s' "$2" >"$folder/$1"
    chmod 644 "$folder/$1"
    echo "$folder/$1 made"
}

keep secret_key "$(openssl rand -hex 32)"
keep hash_key "$(openssl rand -hex 32)"
keep email_keys "$(openssl rand -base64 32 | tr '+/' '-_')"
keep postgres_password "$(openssl rand -hex 24)"
keep grafana_password "$(openssl rand -hex 16)"
keep database_url "postgresql+psycopg://btl:$(cat "$folder/postgres_password")@postgres:5432/btl"
echo "Back them up apart from the database: without email_keys no stored address can be read."
