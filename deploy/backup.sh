#!/bin/sh
# backup.sh FOLDER: export the registry of $REPRO_REGISTRY into a new folder below FOLDER, audit what was written, and keep the newest
# $KEEP (14). An export loses nothing of the log; the keys below $XDG_CONFIG_HOME are not in it: copy them once, to another place.
set -eu
folder=${1:?name the folder for backups}
repro=${REPRO:-repro}
keep=${KEEP:-14}
: "${REPRO_REGISTRY:?name the registry}"
name=$(date -u +%Y%m%dT%H%M%SZ)
mkdir -p "$folder"
"$repro" registry export "$folder/$name.part" >/dev/null
"$repro" audit "$folder/$name.part" >/dev/null
mv "$folder/$name.part" "$folder/$name"
echo "$folder/$name"
# Only folders that this script named, and never the one just written.
ls -1 "$folder" | grep -E '^[0-9]{8}T[0-9]{6}Z$' | sort -r | tail -n "+$((keep + 1))" | while read -r old; do
    rm -rf "${folder:?}/$old"
done
