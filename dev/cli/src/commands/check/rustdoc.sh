#!/bin/sh
# What `cargo test --doc` runs in place of rustdoc: tests the examples of one crate, then writes its documentation.
# `cargo doc` would check every dependency first, which takes minutes; this uses what was compiled for the tests. It leaves out
# programs, and libraries for WebAssembly alone, whose native code is empty.
set -eu
rustdoc "$@"
is_value=false
for argument; do
  shift
  if $is_value; then
    is_value=false
    continue
  fi
  case $argument in
    --test) ;;
    --test-args | --test-run-directory) is_value=true ;;
    *) set -- "$@" "$argument" ;;
  esac
done
exec rustdoc "$@" --document-private-items --output target/doc
