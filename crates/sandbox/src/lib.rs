//! Start a process under a policy and say how it ended.
