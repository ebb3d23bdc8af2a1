//! `taipan python`: a release's own CPython, with CPython's command line.

mod command_line;
mod directories;

use std::io::{self, IsTerminal, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueHint};
use command_line::CommandLine;
use taipan_packages::Requirements;
use taipan_store::OnReadOnly;
use taipan_worker::{Interpreter, Mount};

use crate::failure::Failure;
use crate::options::Options;
use crate::script::{
    OF_THE_SANDBOX, Program, Request, Sandbox, SandboxArguments, execute, library, modules,
};
use crate::{console, interpreter, lifetime};

/// Run the Python of a release of Pyodide, as `python3` is run
///
/// It takes the options of CPython, and other programs can call it: `--install`
/// makes a program for `uv --python` and `pip --python`. It runs in the sandbox
/// of `taipan run`, without its limits of time and output.
#[derive(Args, Debug)]
#[command(override_usage = USAGE, after_help = EXAMPLES, disable_version_flag = true)]
#[command(mut_arg("cpu", |argument| argument.default_value("none")))]
#[command(mut_arg("wall", |argument| argument.default_value("none")))]
#[command(mut_arg("output", |argument| argument.default_value("none")))]
#[command(mut_arg("memory", |argument| argument.default_value("2048")))]
pub(crate) struct Arguments {
    #[command(flatten)]
    sandbox: SandboxArguments,

    /// Make the program that other programs call, `python3.14`, in DIR or in the cache; print its path
    ///
    /// It has the options that are given here, and reads what --code-directories says.
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, conflicts_with = "words",
          value_hint = ValueHint::DirPath)]
    #[expect(clippy::option_option, reason = "so clap tells an option from its value")]
    install: Option<Option<PathBuf>>,

    /// Let code read the Python files of directories that it names itself: fsdecode(b"/DIR") in the text of -c
    ///
    /// uv asks an interpreter about itself by such code.
    #[arg(long)]
    code_directories: bool,

    /// What `sys.executable` says
    #[arg(long, value_name = "PATH", hide = true)]
    executable: Option<PathBuf>,

    /// Ends when the process PID, which has started it, has ended
    #[arg(long, value_name = "PID", hide = true)]
    end_with: Option<i32>,

    // The option of every command, without its letter: `-q` is CPython's.
    /// Say nothing but warnings and errors
    #[arg(long)]
    quiet: bool,

    /// CPython's options, the program, and its arguments
    #[arg(value_name = "WORD", value_hint = ValueHint::FilePath, trailing_var_arg = true,
          allow_hyphen_values = true)]
    words: Vec<String>,
}

const USAGE: &str = "\
taipan python [OPTIONS] [-BdEIOPqsSuVx] [-W WARNING] [-X OPTION] FILE.py [ARGS]...
       taipan python [OPTIONS] [...] -m MODULE [ARGS]...
       taipan python [OPTIONS] [...] -c CODE [ARGS]...
       taipan python [OPTIONS] [...] [-] [ARGS]...";

const EXAMPLES: &str = "\
Examples:
  echo 'print(6 * 7)' | taipan python
  taipan python -I -c 'import sys; print(sys.version)'
  taipan python --mount src:/src -W error -m unittest discover /src
  uv pip compile requirements.in --python \"$(taipan python --install)\"

Options of Taipan come first, then those of CPython: `python3 --help` explains them.
The exit code is the program's own; docs/reference/cli.md lists those of Taipan.";

/// Runs a program as CPython does, and ends with its exit code.
pub(crate) fn run(
    arguments: &Arguments,
    options: &Options,
    grammar: clap::Command,
) -> Result<ExitCode, Failure> {
    let Arguments { sandbox, install, code_directories, executable, end_with, quiet: _, words } =
        arguments;
    if let Some(parent) = end_with {
        lifetime::end_with(*parent);
    }
    if let Some(folder) = install {
        return make(folder.as_deref(), sandbox, options);
    }
    let line = command_line::parse(words, &options.python);
    let line = line.map_err(|reason| Failure::Usage { reason })?;
    let Some(program) = program(&line.program)? else { return help(grammar) };
    let mut sandbox = Sandbox::new(sandbox)?;
    let CommandLine { arguments, interpreter, .. } = line;
    let mut libraries = Vec::new();
    if interpreter.flags.get("ignore_environment").is_none_or(|ignored| *ignored == 0) {
        let variables = options.python.iter();
        let variables = variables.map(|(name, value)| (name.clone(), value.clone()));
        sandbox.environment = variables.chain(sandbox.environment).collect();
        libraries.extend(of_path(&interpreter)?);
    }
    if let (true, Program::Code(code)) = (*code_directories, &program) {
        let named = directories::named(code).into_iter().filter(|folder| can_be_seen(folder));
        for folder in named {
            libraries.push(modules(&folder, None)?);
        }
    }
    let executable = executable.as_deref().map(called).transpose()?;
    let interpreter = Some(Interpreter { executable, ..interpreter });
    let requirements = Requirements::default();
    let request = Request { program, arguments, sandbox, libraries, interpreter, requirements };
    execute(request, options)
}

/// What is run; `None` is the help.
fn program(program: &command_line::Program) -> Result<Option<Program>, Failure> {
    use command_line::Program::{Code, File, Help, Input, Module, Version};
    Ok(Some(match program {
        Code(code) => Program::Code(code.clone()),
        Module(name) => Program::Module(name.clone()),
        Version { whole } => {
            let version = if *whole { "sys.version" } else { "sys.version.split()[0]" };
            Program::Code(format!("import sys; print('Python', {version})"))
        }
        File(path) => file(path.into())?,
        Input("") if io::stdin().is_terminal() => {
            let reason = "there is no interactive prompt, and no program is named: give code with \
                          -c, a module with -m, a file, or a program on standard input";
            return Err(Failure::Usage { reason: reason.to_owned() });
        }
        Input(name) => Program::Input(name),
        Help => return Ok(None),
    }))
}

/// A file, or what has a module `__main__`.
fn file(path: PathBuf) -> Result<Program, Failure> {
    match path.metadata() {
        Ok(found) if found.is_dir() => Ok(Program::Place(path)),
        Ok(found) if found.is_file() && is_archive(&path) => Ok(Program::Place(path)),
        Ok(_) => Ok(Program::File(path)),
        Err(error) => {
            let reason = format!("cannot open the file {}: {error}", path.display());
            Err(Failure::Usage { reason })
        }
    }
}

/// Whether the file ends as a zip archive does (APPNOTE.TXT 6.3.10, 4.3.16): a record, then a comment of the length that
/// the record says. `zipimport` looks for the same.
fn is_archive(path: &Path) -> bool {
    const MARK: &[u8] = b"PK\x05\x06";
    const RECORD_BYTES: usize = 22;
    const COMMENT_BYTES_MAX: usize = 65_535;
    let Ok(mut file) = fs_err::File::open(path) else { return false };
    let length = file.seek(SeekFrom::End(0)).unwrap_or(0);
    let begin = length.saturating_sub((RECORD_BYTES + COMMENT_BYTES_MAX) as u64);
    let mut end = Vec::new();
    let read = file.seek(SeekFrom::Start(begin)).and_then(|_| file.read_to_end(&mut end));
    let is_record = |record: &[u8]| match record.get(RECORD_BYTES - 2..) {
        Some([low, high, comment @ ..]) => {
            record.starts_with(MARK)
                && comment.len() == usize::from(u16::from_le_bytes([*low, *high]))
        }
        _ => false,
    };
    read.is_ok() && (0..end.len()).any(|place| is_record(&end[place..]))
}

/// The directories of `PYTHONPATH`.
fn of_path(interpreter: &Interpreter) -> Result<Vec<Mount>, Failure> {
    let folders = interpreter.path.iter().map(Path::new);
    let folders = folders.filter(|folder| folder.is_absolute() && can_be_seen(folder));
    folders.map(library).collect()
}

/// Whether a directory of this machine can be at the same path in the sandbox.
fn can_be_seen(folder: &Path) -> bool {
    let is_the_sandboxs = OF_THE_SANDBOX.iter().any(|own| folder.starts_with(own));
    let hides = [Path::new("/"), Path::new("/tmp")].contains(&folder);
    let is_plain = !folder.components().any(|part| part == Component::ParentDir);
    is_plain && folder.is_dir() && !is_the_sandboxs && !hides
}

/// An absolute path.
fn called(path: &Path) -> Result<String, Failure> {
    let path = std::path::absolute(path)
        .map_err(|source| Failure::System { what: "tell the current directory", source })?;
    Ok(path.to_string_lossy().into_owned())
}

/// Makes the program for others, and prints its path.
fn make(
    folder: Option<&Path>,
    sandbox: &SandboxArguments,
    options: &Options,
) -> Result<ExitCode, Failure> {
    let release = options.choice.release()?;
    Sandbox::new(sandbox)?;
    let words = sandbox.words()?;
    let path = match folder {
        Some(folder) => interpreter::install(release, options, &words, folder)?,
        None => interpreter::program(release, options, &words, OnReadOnly::Refuse)?.path(),
    };
    console::write(format!("{}\n", path.display()).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn help(mut grammar: clap::Command) -> Result<ExitCode, Failure> {
    grammar.build();
    let text = grammar.find_subcommand_mut("python").map(clap::Command::render_help);
    console::write(text.unwrap_or_default().to_string().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
