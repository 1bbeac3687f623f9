#!/bin/sh
# The installed library as a stranger meets it: make install into an empty place, pkg-config, a C program of his own.
. "$(dirname "$0")/../cli/lib.sh"
OUT=${OUT:-build}
case $OUT in /*) ;; *) OUT=$root/$OUT ;; esac
CC=${CC:-gcc}
prefix=$work/prefix
unset MAKEFLAGS MAKELEVEL MFLAGS

install_it() { (cd "$root" && make -s --no-print-directory "$1" OUT="$OUT" PREFIX="$prefix" > "$work/make.log" 2>&1) || { cat "$work/make.log"; false; }; }
check "make install" install_it install
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"

has() { # paths: all are there
    for path; do [ -e "$prefix/$path" ] || { echo "  $path is missing"; return 1; }; done
}
check "everything is installed" has bin/scoregap lib/libscoregap.so lib/libscoregap.so.0 lib/libscoregap.a include/scoregap.h \
    include/scoregap/base.h include/scoregap/estimate.h lib/pkgconfig/scoregap.pc share/man/man1/scoregap.1 share/scoregap/plots
soname() { readelf -d "$prefix/lib/libscoregap.so" | grep -q 'SONAME.*\[libscoregap\.so\.0\]'; }
check "the library has a soname" soname
check "pkg-config knows the version" test "$(pkg-config --modversion scoregap)" = "$("$scoregap" --version | sed 's/scoregap //')"

# The program that the header shows, as it stands there.
sed -n '/^ \*     #include <scoregap.h>/,/^ \*     }$/s/^ \*     \{0,1\}//p' "$prefix/include/scoregap.h" > example.c
# shellcheck disable=SC2046 # one word an option
build() { $CC -std=c17 -Wall -Wextra -Werror "$1" $(pkg-config --cflags --libs scoregap) -o "$2"; }
# shellcheck disable=SC2046 # one word an option
build_static() { $CC -std=c17 "$1" $(pkg-config --cflags scoregap) "$prefix/lib/libscoregap.a" $(pkg-config --static --libs scoregap | sed 's/-lscoregap//; s/-lgfortran//g') -lm -o "$2"; }
check "the header's example compiles" build example.c example
LD_LIBRARY_PATH="$prefix/lib" ./example > said
# Oracles of the bimodal law at a = 3.
near "its inefficiency is right" "$(awk '/inefficiency/ { print $2 }' said)" 5.64078747 2e-9
near "its gap is right" "$(awk '/^gap/ { printf "%.12g", 1 / $2 }' said)" 110.0185703 1e-8
check "it compiles against the static library" build_static example.c example-static
same() { ./example-static > said-static && cmp said said-static; }
check "and says the same" same

# A longer program: sampling, fitting, an error with its message.
# Linked as strangers do it: -lm behind, and libraries dropped that nothing refers to.
# shellcheck disable=SC2046 # one word an option
build_more() { $CC -std=c17 -Wall -Wextra -Werror "$@" "$root/tests/install/program.c" $(pkg-config --cflags --libs scoregap) -lm -o program; }
runs() { LD_LIBRARY_PATH="$prefix/lib" ./program; }
check "a program that samples and fits compiles" build_more
check "and passes its own checks" runs
check "it compiles with --as-needed" build_more -Wl,--as-needed
check "and passes its own checks then" runs

scoregap=$prefix/bin/scoregap
prints "the installed program runs" '^gap +1$' gap gaussian
check "it finds its experiments" leaves 0 list experiments
listed() { [ "$(wc -l < out)" = "$(find "$root/sim/experiments" -name '*.yaml' | wc -l)" ] && grep -q "$prefix/share/scoregap" out; }
check "all of them, where they were installed" listed

check "make uninstall" install_it uninstall
clean() { [ -z "$(find "$prefix" ! -type d)" ]; }
check "leaves no file behind" clean
finish
