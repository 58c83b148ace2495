//! What a client of the modern era carries from a question to its answer.
//!
//! The client is told nothing by it and can change nothing in it: it is encrypted and authenticated
//! with a key that only this user's gateways have. The key is kept beside the state, so that a gateway
//! that was started again can still say what became of an execution that an earlier one ran.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::canonical::canonical;

/// How long an answer is waited for, as long as a question is open.
pub(crate) const LIFE: std::time::Duration = crate::suspended::PATIENCE;
const KEY_BYTES: usize = 32;
/// Longest text that is looked at.
const MOST_BYTES: usize = 4 << 10;
/// What all texts of this kind begin with, authenticated too.
const KIND: &str = "tm1.";

/// Which question a request was answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Carried {
    pub(crate) session: String,
    /// The whole id.
    pub(crate) execution: String,
    pub(crate) question: u32,
    /// Of the request that was answered so: its repetition must be the same.
    pub(crate) request: String,
    /// Seconds since 1970.
    until: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Not one of ours, or changed.
    Forged,
    /// The question is not open any longer.
    Expired(Carried),
}

pub(crate) struct Seal(LessSafeKey);

impl std::fmt::Debug for Seal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("Seal")
    }
}

impl Seal {
    /// With the key in this folder, made there at the first start. Where none can be kept, the key
    /// lasts as long as the process.
    pub(crate) fn of_folder(folder: &Path) -> Seal {
        let kept = kept_key(&folder.join("request-key")).unwrap_or_else(|error| {
            tracing::warn!(
                "the key for questions to humans cannot be kept: {error}; going on with one that lasts until this gateway ends"
            );
            random()
        });
        Seal::new(&kept)
    }

    fn new(key: &[u8; KEY_BYTES]) -> Seal {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("the key has its length");
        Seal(LessSafeKey::new(key))
    }

    pub(crate) fn seal(
        &self,
        session: &str,
        execution: &str,
        question: u32,
        request: String,
    ) -> String {
        self.seal_at(
            SystemTime::now(),
            &Carried {
                session: session.to_owned(),
                execution: execution.to_owned(),
                question,
                request,
                until: 0,
            },
        )
    }

    fn seal_at(&self, now: SystemTime, carried: &Carried) -> String {
        let carried = Carried {
            until: seconds(now) + LIFE.as_secs(),
            ..carried.clone()
        };
        let nonce: [u8; NONCE_LEN] = random();
        let mut sealed = serde_json::to_vec(&carried).expect("strings and numbers are JSON");
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(KIND),
                &mut sealed,
            )
            .expect("it is far shorter than the cipher's limit");
        let mut text = KIND.to_owned();
        for byte in nonce.iter().chain(&sealed) {
            text.push_str(&format!("{byte:02x}"));
        }
        text
    }

    pub(crate) fn open(&self, text: &str) -> Result<Carried, Refused> {
        self.open_at(SystemTime::now(), text)
    }

    fn open_at(&self, now: SystemTime, text: &str) -> Result<Carried, Refused> {
        let opened = || {
            let mut bytes = unhex(text.strip_prefix(KIND)?)?;
            let mut nonce = [0; NONCE_LEN];
            let (head, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
            nonce.copy_from_slice(head);
            let nonce = Nonce::assume_unique_for_key(nonce);
            let opened = self.0.open_in_place(nonce, Aad::from(KIND), sealed).ok()?;
            serde_json::from_slice::<Carried>(opened).ok()
        };
        match opened() {
            None => Err(Refused::Forged),
            Some(carried) if carried.until < seconds(now) => Err(Refused::Expired(carried)),
            Some(carried) => Ok(carried),
        }
    }
}

/// What of a request must be the same when it is repeated. Some clients build its JSON anew, with its
/// members in another order.
pub(crate) fn digest(tool: &str, arguments: &impl Serialize) -> String {
    let mut hash = Sha256::new();
    hash.update((tool.len() as u64).to_le_bytes());
    hash.update(tool);
    let arguments = serde_json::to_string(arguments).expect("arguments are JSON");
    hash.update(canonical(&arguments));
    let digest = hash.finalize();
    digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() > MOST_BYTES || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn random<const N: usize>() -> [u8; N] {
    let mut random = [0; N];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
        .expect("the system's generator has been ready since boot");
    random
}

/// The key in `file`. Of two gateways that make it at once, one finds that of the other.
fn kept_key(file: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let read = || -> io::Result<[u8; KEY_BYTES]> {
        let mut key = Vec::new();
        fs::File::open(file)?
            .take(KEY_BYTES as u64 + 1)
            .read_to_end(&mut key)?;
        key.try_into()
            .map_err(|_| io::Error::other(format!("{} is damaged; remove it", file.display())))
    };
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        found => return found,
    }
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let temporary = file.with_extension(std::process::id().to_string());
    let made = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut target| target.write_all(&random::<KEY_BYTES>()))
        .and_then(|()| fs::hard_link(&temporary, file));
    let _ = fs::remove_file(&temporary);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => read(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::time::Duration;

    use super::*;

    fn carried() -> Carried {
        Carried {
            session: "s_1".into(),
            execution: "x_1".into(),
            question: 3,
            request: digest("execute_code", &serde_json::json!({"code": "1"})),
            until: 0,
        }
    }

    #[test]
    fn what_is_carried_comes_back_unless_it_was_touched() {
        let seal = Seal::new(&[7; KEY_BYTES]);
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        let sealed = seal.seal_at(now, &carried());
        let until = 1_000 + LIFE.as_secs();
        let expected = Carried { until, ..carried() };
        assert_eq!(seal.open_at(now, &sealed), Ok(expected.clone()));
        assert_ne!(seal.seal_at(now, &carried()), sealed, "no two are the same");
        assert!(!sealed.contains("x_1"));
        let late = now + LIFE + Duration::from_secs(1);
        assert_eq!(seal.open_at(now + LIFE, &sealed), Ok(expected.clone()));
        assert_eq!(seal.open_at(late, &sealed), Err(Refused::Expired(expected)));

        let forged =
            |text: &str| assert_eq!(seal.open_at(now, text), Err(Refused::Forged), "{text}");
        for at in KIND.len()..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            forged(&String::from_utf8(changed).unwrap());
        }
        for text in [
            "",
            "tm1.",
            "tm1.00",
            "tm1.0g",
            "tm1.é",
            "x",
            &sealed[4..],
            &"0".repeat(1 << 20),
        ] {
            forged(text);
        }
        forged(&sealed[..sealed.len() - 2]);
        forged(&format!("{sealed}00"));
        forged(&sealed.replace("tm1.", "tm2."));
        let other = Seal::new(&[8; KEY_BYTES]);
        assert_eq!(other.open_at(now, &sealed), Err(Refused::Forged));
    }

    #[test]
    fn the_key_is_the_users_own_and_outlives_the_gateway() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let sealed = Seal::of_folder(&state).seal("s_1", "x_1", 1, String::new());
        let opened = Seal::of_folder(&state).open(&sealed).unwrap();
        assert_eq!((&opened.execution[..], opened.question), ("x_1", 1));
        let mode = fs::metadata(state.join("request-key")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1);

        fs::write(state.join("request-key"), "short").unwrap();
        let seal = Seal::of_folder(&state);
        let sealed = seal.seal("s_1", "x_1", 1, String::new());
        assert!(seal.open(&sealed).is_ok(), "with a key of its own");
        assert_eq!(fs::read(state.join("request-key")).unwrap(), b"short");
    }

    #[test]
    fn a_request_is_its_tool_and_its_arguments() {
        let digests = [
            digest("a", &serde_json::json!({})),
            digest("b", &serde_json::json!({})),
            digest("a", &serde_json::json!({"x": 1})),
        ];
        assert_eq!(
            digests
                .iter()
                .collect::<std::collections::BTreeSet<_>>()
                .len(),
            3
        );
        assert_eq!(digests[0], digest("a", &serde_json::json!({})));
        let read = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(
            digest("a", &read(r#"{"x":[{"a":1,"b":2}],"y":3}"#)),
            digest("a", &read(r#"{"y":3,"x":[{"b":2,"a":1}]}"#))
        );
        assert_ne!(
            digest("a", &read("[1,2]")),
            digest("a", &read("[2,1]")),
            "the order of a list counts"
        );
    }
}
