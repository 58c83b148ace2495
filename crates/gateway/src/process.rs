//! Which process a gateway is, so that a later one can tell whether it is still there.

use std::sync::OnceLock;

/// This process: its id, when it was started, the boot and the namespace of process ids that this
/// means something in.
pub(crate) fn own() -> &'static str {
    static OWN: OnceLock<String> = OnceLock::new();
    OWN.get_or_init(|| {
        let process = std::process::id();
        let started = started(process).unwrap_or_default();
        format!("{process}-{started}-{}-{}", boot(), namespace())
    })
}

/// Whether the process that [`own`] named there has gone. One that cannot be seen from here has not.
pub(crate) fn has_gone(named: &str) -> bool {
    let mut parts = named.splitn(4, '-');
    let mut part = || parts.next().unwrap_or_default();
    let (process, then, its_boot, its_namespace) = (part(), part(), part(), part());
    if its_boot != boot() {
        return true;
    }
    if its_namespace != namespace() {
        return false;
    }
    process
        .parse()
        .ok()
        .and_then(started)
        .is_none_or(|now| now.to_string() != then)
}

/// When a process was started, in ticks since the boot; none for one that is not there or has ended.
fn started(process: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name may hold anything.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.chars().take_while(|c| *c != '-').collect()
}

fn namespace() -> String {
    let link = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let digits = link.to_string_lossy();
    digits.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_there_until_it_has_ended() {
        assert!(!has_gone(own()));
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let named = |started: u64| {
            let (boot, namespace) = (boot(), namespace());
            format!("{}-{started}-{boot}-{namespace}", child.id())
        };
        let (its, later) = {
            let began = started(child.id()).unwrap();
            (named(began), named(began + 1))
        };
        assert!(!has_gone(&its));
        assert!(has_gone(&later), "its number has been given to another one");
        let before = its.replace(&boot(), "00000000");
        assert!(has_gone(&before), "there was another boot");
        let elsewhere = format!("{its}0");
        assert!(!has_gone(&elsewhere), "it cannot be seen from here");
        child.kill().unwrap();
        // Nobody has waited for it yet.
        while !has_gone(&its) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(has_gone(&its));
        for nonsense in ["", "1", "x-y-z"] {
            assert!(has_gone(nonsense), "{nonsense:?}");
        }
    }
}
