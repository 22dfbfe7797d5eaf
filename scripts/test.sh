#!/bin/sh
# `npm test`: sets up what is missing (npm packages, build; then test/src/run.ts sees to the Debian packages and
# the guest image), and runs every test. Arguments go to mocha: `npm test -- --grep "warming pool"`.
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
. "$root/scripts/setup.sh"
setup
cd "$root" || exit 1
exec node --import tsx --conditions=source test/src/run.ts "$@"
