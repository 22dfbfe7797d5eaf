# Sourced by ./tidepool and by `npm test`: checks Node, installs the npm packages when package-lock.json is newer
# than they are, and builds when a source is newer than the last build. When nothing is to do it takes a few
# milliseconds. POSIX sh. Needs $root, the repository's folder.

node_major_min=20
node_minor_min=19

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "tidepool: $1"
  [ $# -lt 2 ] || say "  fix: $2"
  exit 1
}

check_node() {
  fix="install Node.js 20.19 or newer, for instance from https://nodejs.org/en/download"
  command -v node >/dev/null 2>&1 || fail "node is not installed" "$fix"
  command -v npm >/dev/null 2>&1 || fail "npm is not installed" "install the npm that comes with Node.js 20"
  version=$(node --version)
  version=${version#v}
  major=${version%%.*}
  rest=${version#*.}
  minor=${rest%%.*}
  if [ "$major" -lt $node_major_min ] ||
    { [ "$major" -eq $node_major_min ] && [ "$minor" -lt $node_minor_min ]; }; then
    fail "node is $version, tidepool needs $node_major_min.$node_minor_min or newer" "$fix"
  fi
}

# run_step TITLE COMMAND…: one line before, one after; the output is kept only when it fails.
run_step() {
  title=$1
  shift
  log=$(mktemp "${TMPDIR:-/tmp}/tidepool-setup.XXXXXX")
  trap 'rm -f "$log"; exit 130' INT
  trap 'rm -f "$log"; exit 143' TERM
  say "tidepool: $title …"
  began=$(date +%s)
  if "$@" </dev/null >"$log" 2>&1; then
    say "tidepool: $title: done in $(($(date +%s) - began)) s"
    rm -f "$log"
    trap - INT TERM
    return 0
  fi
  say "tidepool: $title failed; its last lines:"
  tail -n 25 "$log" >&2
  say "  whole log: $log"
  exit 1
}

packages_are_stale() {
  [ ! -e "$root/node_modules/.package-lock.json" ] ||
    [ -n "$(find "$root/package-lock.json" -newer "$root/node_modules/.package-lock.json")" ]
}

build_is_stale() {
  [ ! -e "$root/node_modules/.tidepool-built" ] ||
    [ -n "$(find "$root/proto" "$root/packages" "$root/services" "$root/guest" "$root/bench/rivals" "$root/tsconfig.base.json" \
      \( -name dist -o -name gen -o -name node_modules \) -prune -o -type f \
      \( -name '*.ts' -o -name '*.proto' -o -name '*.mjs' -o -name '*.json' \) \
      -newer "$root/node_modules/.tidepool-built" -print -quit)" ]
}

install_packages() {
  (cd "$root" && npm ci --no-audit --no-fund)
}

# The stamp is older than the build's end, so that a file saved meanwhile is built next time.
build() {
  (
    cd "$root" || exit 1
    stamp=$(mktemp "node_modules/.tidepool-build.XXXXXX") || exit 1
    trap 'rm -f "$stamp"' EXIT
    node proto/scripts/generate.mjs &&
      node_modules/.bin/tsc -b packages/cli services/frontend services/scheduler services/host-agent &&
      mv "$stamp" node_modules/.tidepool-built
  )
}

setup() {
  check_node
  if packages_are_stale; then run_step "installing npm packages (once, about half a minute)" install_packages; fi
  if build_is_stale; then run_step "building" build; fi
}
