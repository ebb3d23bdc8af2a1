//! What uv says when it fails, taken apart: `error: WHAT`, `  cause: WHY`, `hint: WHAT TO DO`.

use crate::name::is_name;

/// The parts, each without its word before it; lines that go on are indented less.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) error: String,
    pub(crate) causes: Vec<String>,
    pub(crate) hints: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

/// What stands before a line that goes on below a cause: as far as uv indents it.
const INDENT: &str = "         ";

/// What uv says above the cause of a failed build, whatever that is.
const FRAMES: [&str; 2] = ["Failed to build `", "The build backend returned an error"];

/// Which part a line goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    None,
    Error,
    Cause,
    Hint,
    Warning,
}

impl Said {
    pub(crate) fn read(text: &str) -> Self {
        let mut said = Self::default();
        let (mut part, mut is_apart) = (Part::None, false);
        for line in text.lines() {
            let trimmed = of_project(line).trim_start();
            let known = [
                ("error: ", Part::Error),
                ("cause: ", Part::Cause),
                ("hint: ", Part::Hint),
                ("warning: ", Part::Warning),
            ];
            let begins =
                known.iter().find_map(|(word, part)| Some((*part, trimmed.strip_prefix(word)?)));
            if let Some((begun, rest)) = begins.filter(|_| !line.starts_with(INDENT)) {
                part = begun;
                said.begin(part, rest);
            } else if trimmed.is_empty() {
                is_apart = true;
                continue;
            } else if is_apart && !line.starts_with(INDENT) {
                part = Part::None;
            } else {
                said.go_on(part, if is_apart { "" } else { line });
                if is_apart {
                    said.go_on(part, line);
                }
            }
            is_apart = false;
        }
        said
    }

    fn begin(&mut self, part: Part, text: &str) {
        let text = text.to_owned();
        match part {
            Part::None => (),
            Part::Error if self.error.is_empty() => self.error = text,
            Part::Error | Part::Cause => self.causes.push(text),
            Part::Hint => self.hints.push(text),
            Part::Warning => self.warnings.push(text),
        }
    }

    fn go_on(&mut self, part: Part, line: &str) {
        let line = line.strip_prefix(INDENT).unwrap_or(line);
        let open = match part {
            Part::None => None,
            Part::Error => Some(&mut self.error),
            Part::Cause => self.causes.last_mut(),
            Part::Hint => self.hints.last_mut(),
            Part::Warning => self.warnings.last_mut(),
        };
        if let Some(open) = open {
            open.push('\n');
            open.push_str(line);
        }
    }

    /// What of it explains a failure: the error with its causes, without what uv tells of its work. The whole `text` where
    /// it says no error.
    pub(crate) fn essence(&self, text: &str) -> String {
        if self.error.is_empty() {
            return text.to_owned();
        }
        let parts: Vec<_> = [&self.error].into_iter().chain(&self.causes).collect();
        let is_frame = |part: &str| FRAMES.iter().any(|frame| part.starts_with(frame));
        let mut telling: Vec<_> =
            parts.iter().copied().filter(|part| !is_frame(part)).map(String::as_str).collect();
        if telling.is_empty() {
            telling = parts.into_iter().map(String::as_str).collect();
        }
        telling.join("\n")
    }

    /// Whether no versions fit together.
    pub(crate) fn is_unsatisfiable(&self) -> bool {
        self.error.starts_with("No solution found")
    }
}

/// A line without the name of the project, which uv puts before some.
fn of_project(line: &str) -> &str {
    match line.split_once(": ").filter(|(name, _)| is_name(name)) {
        Some((_, rest))
            if ["error: ", "hint: ", "warning: "].iter().any(|it| rest.starts_with(it)) =>
        {
            rest
        }
        _ => line,
    }
}

/// Has uv say which files of archives it leaves out, since they would be outside of the archive's folder (`uv-extract`). It
/// also strikes them out of the list that the archive has of its files.
pub(crate) const SAYS_WHAT_IS_LEFT_OUT: (&str, &str) = ("RUST_LOG", "uv_extract=warn");

/// The file that is left out, if a line that uv has said tells of one.
#[must_use]
pub fn left_out(line: &str) -> Option<&str> {
    let (_why, file) = line.strip_prefix("WARN Skipping ")?.split_once(" file name: ")?;
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_solution() {
        let said = Said::read(
            "Using Python\nwarning: odd\nerror: No solution found when resolving dependencies\n  \
             cause: Because a depends on b\n         and you require c, no.\n\nhint: do it\n",
        );
        assert!(said.is_unsatisfiable());
        assert_eq!(said.causes, ["Because a depends on b\nand you require c, no."]);
        assert_eq!((said.hints, said.warnings), (vec!["do it".to_owned()], vec!["odd".to_owned()]));
    }

    #[test]
    fn a_failed_build() {
        let text = "Using CPython 3.14.2 interpreter at: python\n   Building a==1\nworker: error: Failed to build `a==1`\n  \
                    cause: The build backend returned an error\n  cause: Call to `own.build_wheel` failed (exit status: 1)\n\n\
                             \x20        [stderr]\n         Traceback\n           hint: no\n\nworker: hint: Build failures usually";
        let said = Said::read(text);
        assert_eq!(
            said.essence(text),
            "Call to `own.build_wheel` failed (exit status: 1)\n\n[stderr]\nTraceback\n  hint: no"
        );
        assert_eq!(said.hints, ["Build failures usually"]);
        assert_eq!(Said::read("killed").essence("killed"), "killed");
    }

    #[test]
    fn another_error() {
        let said = Said::read("error: Request failed\n  cause: one\n  cause: two");
        assert!(!said.is_unsatisfiable());
        assert_eq!(
            (said.error.as_str(), said.causes),
            ("Request failed", vec!["one".to_owned(), "two".to_owned()])
        );
    }
}
