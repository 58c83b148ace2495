//! For build scripts of programs that hold guests, which include this file.

use std::env;
use std::path::Path;

/// Has the linker lay the functions that JavaScript guests call side by side.
///
/// Each guest is a new process, which finds code by a fault for every 64 KiB of the program that it
/// comes to first (Linux's `fault_around_bytes`), and as the linker finds those functions they lie all
/// over the program.
///
/// `targets` are those of Cargo's `rustc-link-arg-…`. Only optimised programs for x86-64 Linux are laid
/// out, and only where no other linker is configured: some cannot read this form of script. A function
/// that the script does not name lies where it would without it.
pub(super) fn lay_out(targets: &str) {
    let package = env::var_os("CARGO_MANIFEST_DIR").expect("Cargo names the package");
    let script = Path::new(&package).join("../guest/layout.ld");
    println!("cargo::rerun-if-changed={}", script.display());
    println!("cargo::rerun-if-changed=../guest/layout.rs");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    if is("OPT_LEVEL", "3")
        && is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
        && is("CARGO_CFG_TARGET_ARCH", "x86_64")
        && env::var_os("RUSTC_LINKER").is_none()
        && !flags.contains("link")
    {
        println!("cargo::rustc-link-arg-{targets}=-T");
        println!("cargo::rustc-link-arg-{targets}={}", script.display());
    }
}
