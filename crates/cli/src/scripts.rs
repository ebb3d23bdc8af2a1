//! `taipan run`.

use std::{
    io::{self, IsTerminal, Read, Write},
    path::Path,
    process::ExitCode,
};

use taipan_pyodide::Streams;
use taipan_webapi::fetch::client;
use taipan_worker::{Error, Script};

use crate::{
    command::{Command, Mount, Program, ScriptRequest},
    failure::Failure,
    project::read_file,
    terminal, workers,
};

/// What a process may end with; others are cut to their lowest bits, as the system does.
const STATUS_MASK: i32 = 0xff;

/// Runs a script in the sandbox, and ends with its exit code.
pub(crate) fn run(command: &Command, request: &ScriptRequest) -> Result<ExitCode, Failure> {
    let program = read(&request.program)?;
    let mounts = request.mounts.iter().map(mount).collect::<Result<Vec<_>, _>>()?;
    let release = command.choice.release()?;
    let bundle = workers::bundle(release, &command.cache()?, &command.sources()?, command.quiet)?;
    let script = Script {
        bundle,
        program,
        arguments: request.arguments.clone(),
        mounts,
        streams: Box::new(Terminal),
        gates: command.choice.gates()?,
        client: client(&command.proxies).map_err(Error::Client)?,
        log: terminal::script_log(),
    };
    let runtime = workers::runtime()?;
    let handle = runtime.handle().clone();
    let work = runtime.spawn_blocking(move || taipan_worker::run_script(script, handle));
    let outcome = runtime.block_on(work);
    // The script has ended; what it left under way ends with it.
    runtime.shutdown_background();
    let status = outcome.map_err(|panic| Failure::Bug { what: panic.to_string() })??;
    Ok(u8::try_from(status & STATUS_MASK).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn read(program: &Program) -> Result<taipan_worker::Program, Failure> {
    Ok(match program {
        Program::Code(code) => taipan_worker::Program::Code(code.clone()),
        Program::File(path) => {
            if path.is_dir() {
                let path = path.display();
                let reason = format!(
                    "{path} is a directory, not a script; `taipan dev {path}` serves a worker"
                );
                return Err(Failure::Usage { reason });
            }
            let text = read_file(path, "the script")?;
            taipan_worker::Program::File { name: name(path)?, text }
        }
    })
}

/// The last part of a path, as the script sees it.
fn name(path: &Path) -> Result<String, Failure> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| Failure::Usage {
        reason: format!("the name of the script {} is not Unicode", path.display()),
    })
}

fn mount(mount: &Mount) -> Result<taipan_worker::Mount, Failure> {
    let Mount { host, guest } = mount;
    if !host.is_dir() {
        let path = host.clone();
        return Err(Failure::NotFound { what: "the directory to mount", path });
    }
    let code = taipan_worker::from_directory(host)?;
    Ok(taipan_worker::Mount { code, path: guest.clone() })
}

/// The standard streams of this process.
struct Terminal;

impl Streams for Terminal {
    fn write(&mut self, descriptor: i32, bytes: &[u8]) -> io::Result<()> {
        if descriptor == 2 {
            return io::stderr().lock().write_all(bytes);
        }
        let mut output = io::stdout().lock();
        output.write_all(bytes)?;
        output.flush()
    }

    fn read(&mut self, maximum: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; maximum];
        let count = io::stdin().lock().read(&mut bytes)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    fn is_terminal(&self, descriptor: i32) -> bool {
        match descriptor {
            0 => io::stdin().is_terminal(),
            1 => io::stdout().is_terminal(),
            _ => io::stderr().is_terminal(),
        }
    }
}
