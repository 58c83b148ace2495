//! Tools as upstreams describe them: names, search, signatures.
