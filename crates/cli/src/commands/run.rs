//! `taipan run`: runs a script in the sandbox.

use std::process::ExitCode;

use clap::{Args, ValueHint};
use taipan_packages::Requirements;

use crate::failure::Failure;
use crate::locking::package_name;
use crate::options::Options;
use crate::script::{Program, Request, Sandbox, SandboxArguments, execute};

/// Run a Python script in the sandbox
///
/// The script has standard input and output, its arguments and an exit code,
/// the Python files beside it, and nothing else of this machine: no other files,
/// no network, no environment variables but what the options give it.
#[derive(Args, Debug)]
#[command(override_usage = USAGE, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    sandbox: SandboxArguments,

    /// A package that the script can import, besides those that its `# /// script` names
    #[arg(long, value_name = "NAME")]
    with: Vec<String>,

    /// A package that may be of an older major version than elsewhere
    #[arg(long, value_name = "NAME", value_parser = package_name)]
    allow_downgrade: Vec<String>,

    /// A package that may be built from its source distribution, in the sandbox
    #[arg(long, value_name = "NAME", value_parser = package_name)]
    allow_build: Vec<String>,

    /// Run CODE instead of a file; what follows is for the script
    #[arg(short = 'c', value_name = "CODE", num_args = 1.., allow_hyphen_values = true,
          conflicts_with_all = ["words", "module"])]
    code: Vec<String>,

    /// Run a module of this directory or of the standard library; what follows is for the script
    #[arg(short = 'm', value_name = "MODULE", num_args = 1.., allow_hyphen_values = true,
          conflicts_with = "words")]
    module: Vec<String>,

    /// The script, or `-` for standard input, and its arguments
    #[arg(value_name = "FILE.py", value_hint = ValueHint::FilePath, trailing_var_arg = true)]
    words: Vec<String>,
}

const USAGE: &str = "\
taipan run [OPTIONS] FILE.py [ARGS]...
       taipan run [OPTIONS] -m MODULE [ARGS]...
       taipan run [OPTIONS] -c CODE [ARGS]...
       taipan run [OPTIONS] - [ARGS]...";

const EXAMPLES: &str = "\
Examples:
  taipan run script.py one two             sys.argv[1:] is ['one', 'two']
  taipan run -c 'print(6 * 7)'
  taipan run -m json.tool < data.json
  taipan run --with 'httpx>=0.28' fetch.py  with a package, which uv chooses and installs
  taipan run --mount data:/data script.py  the script reads data/x.csv as /data/x.csv
  taipan run --mount out:/out:rw a.py      what it writes to /out is in out
  taipan run --allow-net=api.example.com:443 --cpu 5 script.py

Options come before the script; what comes after it is the script's own.
The exit code is the script's own; docs/reference/cli.md lists those of Taipan.";

/// Runs a script in the sandbox, and ends with its exit code.
pub(crate) fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    execute(request(arguments)?, options)
}

/// Checks what was typed.
fn request(arguments: &Arguments) -> Result<Request, Failure> {
    let Arguments { sandbox, with, allow_downgrade, allow_build, code, module, words } = arguments;
    let sandbox = Sandbox::new(sandbox)?;
    let (mut code, mut module, mut words) =
        (code.iter().cloned(), module.iter().cloned(), words.iter().cloned());
    let (program, arguments) = match (code.next(), module.next(), words.next()) {
        (Some(text), _, _) => (Program::Code(text), code.collect()),
        (None, Some(name), _) => (Program::Module(name), module.collect()),
        (None, None, Some(file)) if file == "-" => (Program::Input("-"), words.collect()),
        (None, None, Some(file)) => (Program::File(file.into()), words.collect()),
        (None, None, None) => {
            let reason = "there is nothing to run: name a Python file, give code with -c, \
                          or a module with -m";
            return Err(Failure::Usage { reason: reason.to_owned() });
        }
    };
    let (libraries, interpreter) = (Vec::new(), None);
    let requirements = Requirements {
        packages: with.clone(),
        allow_downgrade: allow_downgrade.clone(),
        allow_build: allow_build.clone(),
    };
    Ok(Request { program, arguments, sandbox, libraries, interpreter, requirements })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::FromArgMatches;

    use super::*;

    #[track_caller]
    fn parse(line: &[&str]) -> Result<Request, String> {
        let command = Arguments::augment_args(clap::Command::new("run"));
        let matches = command.try_get_matches_from(["run"].iter().chain(line));
        let arguments = matches.and_then(|matches| Arguments::from_arg_matches(&matches));
        let arguments = arguments.map_err(|error| error.to_string())?;
        request(&arguments).map_err(|failure| failure.to_string())
    }

    #[track_caller]
    fn check_run(line: &[&str], expect: Result<(Program, &[&str]), &str>) {
        let found = parse(line).map(|request| (request.program, request.arguments));
        let expect = expect
            .map(|(program, words)| (program, words.iter().map(ToString::to_string).collect()))
            .map_err(ToOwned::to_owned);
        assert_eq!(found, expect);
    }

    #[test]
    fn scripts() {
        let file = |name: &str| Program::File(name.into());
        let code = |text: &str| Program::Code(text.to_owned());
        check_run(&["a.py"], Ok((file("a.py"), &[])));
        check_run(&["a.py", "-c", "--quiet", "x"], Ok((file("a.py"), &["-c", "--quiet", "x"])));
        check_run(&["-c", "print(1)"], Ok((code("print(1)"), &[])));
        check_run(&["-c", "-1", "--mount", "x"], Ok((code("-1"), &["--mount", "x"])));
        check_run(&["-m", "a.b", "-c", "x"], Ok((Program::Module("a.b".into()), &["-c", "x"])));
        check_run(&["-", "-x"], Ok((Program::Input("-"), &["-x"])));
        check_run(&["--cpu", "1", "--allow-net", "a.py", "--cpu"], Ok((file("a.py"), &["--cpu"])));
        check_run(
            &[],
            Err(
                "there is nothing to run: name a Python file, give code with -c, or a module with -m",
            ),
        );
        check_run(
            &["--mount", "a:/x", "--mount", "b:/x/", "a.py"],
            Err("two directories are mounted at /x"),
        );
        let inside = "/x/y is within /x, which is written to: mount it elsewhere";
        check_run(&["--mount", "a:/x/y", "--mount", "b:/x:rw", "a.py"], Err(inside));
        let ours = "the script's own files are in /session: mount it elsewhere";
        check_run(&["--mount", "a:/session:rw", "a.py"], Err(ours));
    }

    #[test]
    fn what_is_no_option_of_a_script() {
        for line in [
            &["--timeout", "5", "a.py"][..],
            &["-x", "a.py"],
            &["--cpu", "0", "a.py"],
            &["--cpu", "-1", "a.py"],
            &["--cpu", "nan", "a.py"],
            &["--wall", "1e300", "a.py"],
            &["--memory", "1", "a.py"],
            &["--memory", "4096", "a.py"],
            &["--output", "1.5", "a.py"],
            &["--env", "x", "a.py"],
            &["--env", "=x", "a.py"],
            &["--allow-net=http://a", "a.py"],
            &["--allow-net=", "a.py"],
        ] {
            assert!(parse(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn bounds() {
        let request = parse(&["--cpu", "0.5", "--wall", "none", "a.py"]).unwrap();
        assert_eq!(request.sandbox.cpu, Some(Duration::from_millis(500)));
        assert_eq!(request.sandbox.wall, None);
        assert_eq!(request.sandbox.memory_bytes, 512 << 20);
        assert_eq!(request.sandbox.output_bytes, Some(100 << 20));
    }
}
