//! What runs inside the sandbox: interpreters and the program's SDK.
