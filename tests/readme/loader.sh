#!/bin/sh
# The loader that the README shows is the one that the tests use.
set -eu
cd "$(dirname "$0")/../.."
awk '/^```python$/ { inside = 1; next } /^```$/ { inside = 0 } inside' README.md |
  diff - tests/python/load_model.py
