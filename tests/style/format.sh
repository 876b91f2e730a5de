#!/bin/sh
# Every C file is as clang-format writes it. To mend: clang-format -i FILE
set -eu
cd "$(dirname "$0")/../.."
find src include tests -name '*.[ch]' -exec clang-format --dry-run -Werror {} +
