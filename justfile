# For people who work on toolmill. `.ci/run` is all of it but the benchmarks, and needs no just.

# The tests that need nothing but this machine
test:
    cargo test

# Formatting and lints
check:
    cargo fmt --check
    cargo clippy --workspace --all-targets -- -D warnings

# The tests against real servers, which it installs into target/upstreams
upstreams:
    scripts/upstreams

# The licences of what the binary is built from; `just licences --write` lists them in THIRD-PARTY.md
licences *options:
    scripts/licences {{options}}

# Whether Claude Code, Codex and opencode, installed by npm, take what `toolmill client` prints
clients:
    scripts/clients

# The measurements
bench:
    bench/run

# Programs against direct calls over real servers, and how many wrong programs the fixes of errors mend
bench-tasks *options:
    scripts/bench-tasks {{options}}

# How well and how fast tools are found; `just bench-discovery FOLDER` if the data lies elsewhere
bench-discovery *options:
    scripts/bench-discovery {{options}}

# What the SDK and validation promise, over recorded catalogs; `just sdk-gates types calls` for some of it
sdk-gates *options:
    scripts/sdk-gates {{options}}

# Results of 10 and 100 MB: stored, read back byte for byte, bounded.
large-results *sizes:
    scripts/large-results {{sizes}}

# 200 gateways killed at random points of long runs: what the next one answers is true
kill-nine *times:
    scripts/kill-nine {{times}}

# Records again which functions guests call, for the linker; `just guest-layout --check BINARY` looks whether it did so
guest-layout *options:
    scripts/guest-layout {{options}}

# All that must pass before a change goes in
ci:
    .ci/run
