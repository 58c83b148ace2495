//! Fake upstreams for tests.
