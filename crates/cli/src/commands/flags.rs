//! `taipan flags`: lists the compatibility flags, and with `--experimental` the gates.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use taipan_manifest::{Effect, FLAGS, Flag, GATES, Gate};

use crate::console;
use crate::failure::Failure;
use crate::options::Options;

/// List the compatibility flags: what each does here, and since which date a worker has it
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

const HEADINGS: &str =
    "FLAG                                         SINCE       HERE     WHAT IT IS FOR";

const GATES_HEADINGS: &str = "GATE                                         WHAT IS BEHIND IT";

/// Prints all compatibility flags; with `--experimental`, all gates as well.
pub(crate) fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    let gates = if options.choice.experimental { GATES } else { &[] };
    let text = if arguments.json { json_list(gates) } else { text_list(gates) };
    console::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn text_list(gates: &[Gate]) -> String {
    let mut text = format!("{HEADINGS}\n");
    for Flag { name, implied, experimental, effect, what, .. } in FLAGS {
        let since = implied.map_or("-", |(_, since)| since);
        let effect = effect_name(*effect);
        let needs = if *experimental { " (needs `experimental`)" } else { "" };
        text += &format!("{name:<44} {since:<11} {effect:<8} {what}{needs}\n");
    }
    if !gates.is_empty() {
        text += &format!("\n{GATES_HEADINGS}\n");
    }
    for Gate { name, what } in gates {
        text += &format!("{name:<44} {what}\n");
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

fn json_list(gates: &[Gate]) -> String {
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
    let gate = |gate: &Gate| json!({ "name": gate.name, "gate": true, "what": gate.what });
    let all = FLAGS.iter().map(flag).chain(gates.iter().map(gate));
    format!("{:#}\n", json!(all.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_for_those_who_may_see_them() {
        for Gate { name, .. } in GATES {
            for (list, hidden) in
                [(text_list(GATES), text_list(&[])), (json_list(GATES), json_list(&[]))]
            {
                assert!(list.contains(name) && !hidden.contains(name), "{name}");
            }
        }
    }
}
