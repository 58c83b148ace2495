//! `toolmill init`: a settings file to start from, in which everything is an example.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::host::print;
use crate::settings::Places;

const SETTINGS: &str = include_str!("init.toml");

pub(crate) fn run(path: Option<&Path>) -> Result<ExitCode> {
    let places = Places::from_environment()?;
    let own = places.config_dir.join("toolmill.toml");
    let file = path.map_or_else(|| own.clone(), |path| places.working_directory.join(path));
    write(&file)?;
    // Only the user's own file is read unasked without the questions put to a project's.
    let option = match path {
        Some(_) if file != own => format!(" --config {}", shell_word(&file)),
        _ => String::new(),
    };
    print(&format!(
        "wrote {}
next:
  take the # from an example in it, or write an [upstream.NAME] of your own
  toolmill list{option}      shows whether the servers answer
  toolmill client{option}    prints what your agent has to be told
",
        file.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the file where there is none.
fn write(file: &Path) -> Result<()> {
    let shown = file.display();
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let created = File::options().write(true).create_new(true).open(file);
    match created {
        Ok(mut created) => created
            .write_all(SETTINGS.as_bytes())
            .with_context(|| format!("{shown} cannot be written")),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!(
            "{shown} exists and is left as it is; edit it, or write another with: toolmill init --path FILE"
        ),
        Err(error) => Err(error).with_context(|| format!("{shown} cannot be written")),
    }
}

/// A path as a shell reads it.
pub(crate) fn shell_word(path: &Path) -> String {
    let word = path.to_string_lossy();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_@%+=:,./-".contains(letter);
    if word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{self, Settings};
    use crate::trust;

    fn load(text: &str) -> Settings {
        let folder = tempfile::tempdir().unwrap();
        let places = Places {
            working_directory: folder.path().to_owned(),
            config_dir: folder.path().join("config"),
            state_dir: folder.path().join("state"),
            runtime_dir: folder.path().join("run"),
        };
        let file = folder.path().join("mine.toml");
        fs::write(&file, text).unwrap();
        let store = trust::Store::open(&places.state_dir);
        settings::load(Some(&file), &places, &store, &|_| Some("x".to_owned())).unwrap()
    }

    #[test]
    fn the_file_as_written_changes_nothing() {
        let settings = load(SETTINGS);
        assert!(settings.upstreams.is_empty() && settings.warnings.is_empty());
        assert!(
            SETTINGS
                .lines()
                .all(|line| line.is_empty() || line.starts_with('#'))
        );
    }

    #[test]
    fn every_example_in_it_is_right() {
        let examples: String = SETTINGS
            .lines()
            .filter_map(|line| line.strip_prefix('#'))
            .filter(|line| !line.starts_with(' '))
            .map(|line| format!("{line}\n"))
            .collect();
        let settings = load(&examples);
        assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
        let names: Vec<&str> = settings
            .upstreams
            .iter()
            .map(|server| {
                assert_eq!(server.blocked, None);
                &server.stanza.name[..]
            })
            .collect();
        assert_eq!(names, ["files", "github", "tracker"]);
        // It says that these are the defaults.
        let defaults = gateway::Limits::default();
        assert_eq!(format!("{:?}", settings.limits), format!("{defaults:?}"));
        assert_eq!(settings.http_token.as_deref(), Some("x"));
    }
}
