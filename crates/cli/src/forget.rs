//! `toolmill forget`: drops what was learned from use.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::json;

use crate::args::Forget;
use crate::host::{print, print_foreign};
use crate::settings::Places;

pub(crate) fn run(args: &Forget) -> Result<ExitCode> {
    let places = Places::from_environment()?;
    let forgotten =
        gateway::forget(&places.state_dir, args.name.as_deref()).with_context(|| {
            let folder = places.state_dir.display();
            format!("what was learned in {folder} cannot be dropped")
        })?;
    if args.json {
        print(&format!("{}\n", json!({ "results": forgotten })))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for tool in &forgotten {
        text.push_str(&format!(
            "forgot what results of {}.{} are like (observed ×{})\n",
            tool.server, tool.tool, tool.results
        ));
    }
    if forgotten.is_empty() {
        text.push_str(&match &args.name {
            Some(name) => format!("nothing was learned of {name}\n"),
            None => "nothing was learned yet\n".to_owned(),
        });
    }
    print_foreign(&text)?;
    Ok(ExitCode::SUCCESS)
}
