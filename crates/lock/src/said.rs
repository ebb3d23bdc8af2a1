//! What uv says when it fails, taken apart: `error: WHAT`, `  cause: WHY`, `hint: WHAT TO DO`.

/// The parts, each without its word before it; lines that go on are indented less.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) error: String,
    pub(crate) causes: Vec<String>,
    pub(crate) hints: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

/// Which part a line goes on.
#[derive(Clone, Copy)]
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
        let mut part = Part::None;
        for line in text.lines() {
            let trimmed = line.trim_start();
            let known = [
                ("error: ", Part::Error),
                ("cause: ", Part::Cause),
                ("hint: ", Part::Hint),
                ("warning: ", Part::Warning),
            ];
            let begins =
                known.iter().find_map(|(word, part)| Some((*part, trimmed.strip_prefix(word)?)));
            if let Some((begun, rest)) = begins {
                part = begun;
                said.begin(part, rest);
            } else if trimmed.is_empty() {
                part = Part::None;
            } else {
                said.go_on(part, line);
            }
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
        // As far as uv indents what goes on below a cause.
        let line = line.strip_prefix("         ").unwrap_or(line);
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

    /// Whether no versions fit together.
    pub(crate) fn is_unsatisfiable(&self) -> bool {
        self.error.starts_with("No solution found")
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
    fn another_error() {
        let said = Said::read("error: Request failed\n  cause: one\n  cause: two");
        assert!(!said.is_unsatisfiable());
        assert_eq!(
            (said.error.as_str(), said.causes),
            ("Request failed", vec!["one".to_owned(), "two".to_owned()])
        );
    }
}
