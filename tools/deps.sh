#!/bin/sh
# deps.sh LIST: installs those packages of LIST that are missing.  Nothing missing: silent and fast.
# NO_INSTALL=1 prints the command instead, and fails.
set -u
list=$1

wanted() {
    sed -e 's/#.*//' -e 's/[[:space:]]*$//' "$list" | grep -v '^$'
}

missing() {
    # shellcheck disable=SC2046 # one word a package
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' $(wanted) 2>/dev/null |
        awk 'NR == FNR { if ($1 == "installed") have[$2]; next } !($1 in have)' - "$names"
}

# Where there is no dpkg: is everything there all the same?
works_without_packages() {
    libraries=$(sed -n 's/^PKGS *= *//p' Makefile)
    # shellcheck disable=SC2086 # one word a library
    pkg-config --exists $libraries 2>/dev/null && command -v gnuplot >/dev/null && command -v "${CC:-gcc}" >/dev/null &&
        printf '#include <%s>\n' sleef.h Random123/philox.h stdarg.h stddef.h setjmp.h stdint.h cmocka.h |
        "${CC:-gcc}" -fsyntax-only -x c - 2>/dev/null
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    if works_without_packages; then exit 0; fi
    echo "This system has no apt.  Install what these Debian packages hold, then run make again:" >&2
    wanted | sed 's/^/  /' >&2
    exit 1
fi

names=$(mktemp) || exit 1
trap 'rm -f "$names"' EXIT
wanted > "$names"
need=$(missing | tr '\n' ' ')
need=${need% }
if [ -z "$need" ]; then exit 0; fi

as_root=
if [ "$(id -u)" != 0 ]; then as_root='sudo '; fi
if [ -n "${NO_INSTALL:-}" ]; then
    echo "Packages are missing.  This installs them:" >&2
    echo "${as_root}apt-get install -y --no-install-recommends $need"
    exit 1
fi
if [ -n "$as_root" ] && ! command -v sudo >/dev/null; then
    echo "Packages are missing and there is no sudo.  As root, run:" >&2
    echo "apt-get install -y --no-install-recommends $need"
    exit 1
fi

run() {
    if [ -z "$as_root" ]; then "$@"
    elif [ -t 0 ]; then sudo "$@"
    else sudo -n "$@"
    fi
}
install_all() {
    # shellcheck disable=SC2086 # one word a package
    run env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $need < /dev/null
}
# shellcheck disable=SC2086 # one word a package
known() { [ "$(apt-cache show --no-all-versions $need 2>/dev/null | grep -c '^Package:')" = "$(echo $need | wc -w)" ]; }

echo "Installing: $need"
if known && install_all; then exit 0; fi
# The lists of packages are missing or too old.
run apt-get update -q && install_all && exit 0
echo "Installing packages failed; nothing else was changed.  By hand:" >&2
echo "  ${as_root}apt-get update && ${as_root}apt-get install -y --no-install-recommends $need" >&2
exit 1
