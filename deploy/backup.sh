#!/bin/sh
# backup.sh FOLDER: export the registry of $REPRO_REGISTRY into a new folder below FOLDER, audit what was written, and keep the newest
# $KEEP (14). An export loses nothing of the log; the keys below $XDG_CONFIG_HOME are not in it: copy them once, to another place.
#
# Beside the backups lie two folders at most, so that no bad night fills the disk: "unfinished", which the next run replaces, and
# "failed-audit", the newest export whose audit found something, to be looked at.
set -eu
folder=${1:?name the folder for backups}
repro=${REPRO:-repro}
keep=${KEEP:-14}
: "${REPRO_REGISTRY:?name the registry}"
name=$(date -u +%Y%m%dT%H%M%SZ)
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock -n 9 || { echo "backup.sh: another one is at work in $folder" >&2; exit 1; }
rm -rf "${folder:?}/unfinished"
"$repro" registry export "$folder/unfinished" >/dev/null
status=0
"$repro" audit "$folder/unfinished" >/dev/null || status=$?
if [ "$status" -ne 0 ]; then
    [ "$status" -lt 128 ] || exit "$status" # stopped, not failed
    rm -rf "${folder:?}/failed-audit"
    mv "$folder/unfinished" "$folder/failed-audit"
    echo "backup.sh: the audit failed: look at $folder/failed-audit" >&2
    exit "$status"
fi
mv "$folder/unfinished" "$folder/$name"
echo "$folder/$name"
# Only folders that this script named, and never the one just written.
ls -1 "$folder" | grep -E '^[0-9]{8}T[0-9]{6}Z$' | sort -r | tail -n "+$((keep + 1))" | while read -r old; do
    rm -rf "${folder:?}/$old"
done
