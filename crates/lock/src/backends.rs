//! What a build in the sandbox has, and what to do about a package that needs more.

use std::borrow::Cow;

/// Build backends, all of Python alone, and what extends them.
pub(crate) const BACKENDS: &str = "setuptools\nsetuptools-scm\nwheel\nhatchling\nhatch-vcs\nflit-core\npoetry-core\npdm-backend\n";

/// What to do about a package that is not of Python alone.
pub(crate) const NO_COMPILER: &str = "there is no compiler in the sandbox, and no program but Python: a package that needs one cannot be \
     built, ask its authors for a wheel";

/// What to do about a build backend that has said this.
pub(crate) fn build_hint(said: &str) -> Cow<'static, str> {
    // A program was called: by CPython's `subprocess`, and by setuptools, which tells which.
    const CALLS: [&str; 2] = ["does not support processes", "error: command '"];
    if CALLS.iter().any(|call| said.contains(call)) {
        return NO_COMPILER.into();
    }
    let missing =
        said.lines().find_map(|line| line.strip_prefix("ModuleNotFoundError: No module named "));
    match missing {
        Some(module) => {
            let there: Vec<_> = BACKENDS.lines().collect();
            format!(
                "a build has {} and what these need, and {module} is none of them: ask its authors for a wheel",
                there.join(", ")
            )
            .into()
        }
        None => "its build backend says why; its authors may have a wheel".into(),
    }
}
