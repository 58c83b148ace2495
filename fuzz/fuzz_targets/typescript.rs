//! The edits and the printing by which a program becomes a script.
//!
//! The first byte chooses the language; the rest is the program. A script is JavaScript, and each of
//! its places leads back into the program.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oxc::allocator::Allocator;
use oxc::parser::Parser;
use oxc::span::SourceType;

/// The parser recurses, and a sanitizer's frames are larger than a guest's.
const STACK_BYTES: usize = 512 << 20;

fuzz_target!(|data: &[u8]| {
    let Some((language, code)) = data.split_first() else {
        return;
    };
    let Ok(code) = std::str::from_utf8(code) else {
        return;
    };
    let language = ["javascript", "typescript"][usize::from(language % 2)];
    std::thread::scope(|scope| {
        let checked = std::thread::Builder::new().stack_size(STACK_BYTES);
        let checked = checked.spawn_scoped(scope, || check(code, language));
        if checked.expect("a thread").join().is_err() {
            std::process::abort();
        }
    });
});

fn check(code: &str, language: &str) {
    let lines = code.split(['\n', '\r', '\u{2028}', '\u{2029}']).count() as u32;
    match guest::javascript::script_of(code, language) {
        Err(error) => {
            assert!(!error.message.is_empty());
            assert!(error.line.is_none_or(|line| (1..=lines + 1).contains(&line)), "{error:?}");
        }
        Ok((script, places)) => {
            let allocator = Allocator::default();
            let parsed = Parser::new(&allocator, &script, SourceType::script()).parse();
            assert!(
                !parsed.diagnostics.has_errors(),
                "{code:?} became {script:?}: {:?}",
                parsed.diagnostics
            );
            for (line, column) in places {
                assert!((1..=lines).contains(&line), "line {line} of {lines}");
                assert!(column >= 1);
            }
        }
    }
}
