#!/usr/bin/env bash
# Versions of a served model: put a new one beside the old, go back, look.
#
#   roll.sh add  MODELS/NAME EXPORT/1   copies a SavedModel as the next version
#   roll.sh back MODELS/NAME            takes the newest version away again
#   roll.sh list MODELS/NAME            the versions, the served one last
#
# TF Serving and python -m kerasseg.serve look at the folder every few seconds, load
# the highest number, warm it up, and only then let go of the one before.
set -euo pipefail

usage() { sed -n '4,6s/^# *//p' "$0" >&2; exit 2; }
versions() { find "$1" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | grep -E '^[0-9]+$' | sort -n || true; }

[ $# -ge 2 ] || usage
what=$1 base=$2
case $what in
add)
    [ $# -eq 3 ] || usage
    [ -f "$3/saved_model.pb" ] || { echo "roll.sh: $3 is not a SavedModel folder." >&2; exit 2; }
    mkdir -p "$base"
    # Also above versions that were taken back: a number never means two networks.
    newest=$( { versions "$base"; [ ! -d "$base/back" ] || versions "$base/back"; } | sort -n | tail -1)
    next=$((${newest:-0} + 1))
    # Copied aside first: a server must never see half a folder.
    aside=$(mktemp -d "$base/.adding-XXXXXX")
    trap 'rm -rf "$aside"' EXIT
    cp -r "$3" "$aside/version"
    chmod -R a+rX "$aside/version"
    mv -T "$aside/version" "$base/$next"
    echo "Version $next is there: $base/$next"
    ;;
back)
    [ $# -eq 2 ] || usage
    newest=$(versions "$base" | tail -1)
    before=$(versions "$base" | tail -2 | head -1)
    [ -n "$newest" ] && [ "$newest" != "$before" ] || { echo "roll.sh: no version before the one in $base." >&2; exit 2; }
    mkdir -p "$base/back"
    mv -T "$base/$newest" "$base/back/$newest"
    echo "Back to version $before; version $newest is kept in $base/back"
    ;;
list)
    versions "$base"
    ;;
*) usage ;;
esac
