#!/bin/sh
# `cmake --install` into a fresh prefix, then a program built against it by pkg-config and by CMake:
# sh tests/e2e/install.sh BUILD_DIR
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$1" --prefix "$work/prefix" >/dev/null
libdir=$(dirname "$(find "$work/prefix" -name libaigw.so)")

cat >"$work/main.c" <<'C'
#include <aigw/aigw.h>
#include <stdio.h>
int main(void) { printf("libaigw %s\n", aigw_version()); return 0; }
C
# The .pc file names the prefix of the configure step; the test moved it.
export PKG_CONFIG_PATH="$libdir/pkgconfig"
cc "$work/main.c" -o "$work/shared" $(pkg-config --define-prefix --cflags --libs libaigw)
LD_LIBRARY_PATH=$libdir "$work/shared"

cat >"$work/CMakeLists.txt" <<'C'
cmake_minimum_required(VERSION 3.25)
project(consumer C)
find_package(aigw 0.1 REQUIRED)
add_executable(with_shared main.c)
target_link_libraries(with_shared PRIVATE aigw::SHARED)
add_executable(with_static main.c)
target_link_libraries(with_static PRIVATE aigw::STATIC)
C
cmake -S "$work" -B "$work/b" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
cmake --build "$work/b" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$work/b/with_shared"
"$work/b/with_static"
"$work/prefix/bin/aigw-serve" --version
"$work/prefix/bin/aigw-token" --version
man -l "$work/prefix/share/man/man1/aigw-serve.1" >/dev/null
man -l "$work/prefix/share/man/man1/aigw-token.1" >/dev/null
echo "install: ok ($here)" | sed 's/ (.*//'
