//! `taipan run`.

use std::process::ExitCode;

use crate::{
    command::{Command, Program, ScriptRequest},
    failure::Failure,
    project::read_text,
    workers::{self, Script},
};

/// Runs a script in the sandbox, and ends with its exit code.
pub(crate) fn run(command: &Command, request: &ScriptRequest) -> Result<ExitCode, Failure> {
    let (name, source) = match &request.program {
        Program::Code(code) => ("-c".to_owned(), code.clone()),
        Program::File(path) => (path.display().to_string(), read_text(path, "the script")?),
    };
    if let Some(mount) = request.mounts.iter().find(|mount| !mount.host.is_dir()) {
        let path = mount.host.clone();
        return Err(Failure::NotFound { what: "the directory to mount", path });
    }
    let arguments = [name].into_iter().chain(request.arguments.iter().cloned()).collect();
    let cache = command.cache()?;
    let script = Script { source, arguments, mounts: &request.mounts, cache };
    workers::run_script(&script).map(ExitCode::from)
}
