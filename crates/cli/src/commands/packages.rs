//! `taipan packages`: lists what a worker has installed.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};
use serde_json::json;
use taipan_packages::{Listed, list};
use taipan_store::Digest;

use crate::console;
use crate::failure::Failure;
use crate::options::Options;
use crate::prepare;
use crate::size::size;

/// List the packages of a worker: version, size, native modules, share of the image
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The worker's directory
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    directory: PathBuf,

    /// The configuration file, relative to DIR
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints the packages; installs them first when the cache does not have them.
pub(crate) fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    let settings = prepare::settings(options, &arguments.directory, arguments.config.as_deref())?;
    let listed = settings.packages.as_ref().map(|it| list(&it.layer)).unwrap_or_default();
    let digest = settings.packages.map(|packages| packages.digest);
    match arguments.json {
        true => console::write(json_list(&listed, digest).as_bytes())?,
        false => console::write_text(&text_list(&listed))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Of how many bytes the image is.
fn total(listed: &[Listed]) -> u64 {
    listed.iter().map(|package| package.bytes).sum()
}

fn text_list(listed: &[Listed]) -> String {
    if listed.is_empty() {
        return "the worker has no packages\n".to_owned();
    }
    let mut text = format!("{HEADINGS}\n");
    for Listed { name, version, files, bytes, native } in listed {
        let name = if name.is_empty() { "(others)" } else { name };
        let version = if version.is_empty() { "-" } else { version };
        let share = (bytes * 100).checked_div(total(listed)).unwrap_or(0);
        text += &format!(
            "{name:<28} {version:<16} {:>10} {share:>4} % {files:>6} {native:>7}\n",
            size(*bytes)
        );
    }
    text
}

const HEADINGS: &str =
    "PACKAGE                      VERSION                SIZE  SHARE  FILES  NATIVE";

fn json_list(listed: &[Listed], digest: Option<Digest>) -> String {
    let package = |Listed { name, version, files, bytes, native }: &Listed| {
        let (name, version) =
            (Some(name).filter(|it| !it.is_empty()), Some(version).filter(|it| !it.is_empty()));
        json!({"name": name, "version": version, "files": files, "bytes": bytes, "native_modules": native})
    };
    let all: Vec<_> = listed.iter().map(package).collect();
    let image = digest.map(|digest| digest.to_string());
    format!("{:#}\n", json!({"image": image, "bytes": total(listed), "packages": all}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let package = |name: &str, bytes, native| Listed {
            name: name.to_owned(),
            version: if name.is_empty() { String::new() } else { "1.2".to_owned() },
            files: 3,
            bytes,
            native,
        };
        let listed = [package("msgpack", 300, 1), package("", 100, 0)];
        let expect = "\
PACKAGE                      VERSION                SIZE  SHARE  FILES  NATIVE
msgpack                      1.2                   300 B   75 %      3       1
(others)                     -                     100 B   25 %      3       0
";
        assert_eq!(text_list(&listed), expect);
        assert_eq!(text_list(&[]), "the worker has no packages\n");
    }
}
