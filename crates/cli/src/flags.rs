//! `taipan flags`.

use std::process::ExitCode;

use serde_json::json;
use taipan_manifest::{Effect, FLAGS, Flag};

use crate::{console, failure::Failure};

const HEADINGS: &str =
    "FLAG                                         SINCE       HERE     WHAT IT IS FOR";

/// Prints all compatibility flags.
pub(crate) fn list(json: bool) -> Result<ExitCode, Failure> {
    let text = if json { json_list() } else { text_list() };
    console::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn text_list() -> String {
    let mut text = format!("{HEADINGS}\n");
    for Flag { name, implied, experimental, effect, what, .. } in FLAGS {
        let since = implied.map_or("-", |(_, since)| since);
        let effect = effect_name(*effect);
        let needs = if *experimental { " (needs `experimental`)" } else { "" };
        text += &format!("{name:<44} {since:<11} {effect:<8} {what}{needs}\n");
    }
    text
}

fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Works => "works",
        Effect::Always => "always",
        Effect::Nothing => "nothing",
    }
}

fn json_list() -> String {
    let flag = |flag: &Flag| {
        json!({
            "name": flag.name,
            "implied_by": flag.implied.map(|(by, _)| by),
            "since": flag.implied.map(|(_, since)| since),
            "opposite": flag.opposite,
            "experimental": flag.experimental,
            "effect": effect_name(flag.effect),
            "what": flag.what,
        })
    };
    format!("{:#}\n", json!(FLAGS.iter().map(flag).collect::<Vec<_>>()))
}
