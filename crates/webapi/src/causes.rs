//! Why an error came about: the one way along its causes, for this crate and those above it.

use std::error::Error;
use std::iter::successors;

/// The causes of an error, the nearest first.
pub fn causes(error: &dyn Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    successors(error.source(), |&cause| cause.source())
}

/// An error and its causes in one line, with colons between them.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    causes(error).fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    /// An error whose causes are the rest of the words.
    #[derive(Debug)]
    struct Words(&'static str, Option<Box<Self>>);

    impl fmt::Display for Words {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str(self.0)
        }
    }

    impl Error for Words {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as &dyn Error)
        }
    }

    #[track_caller]
    fn check(words: &[&'static str], expect_causes: &[&str], expect_line: &str) {
        let error = words.iter().rev().fold(None, |cause, word| Some(Box::new(Words(word, cause))));
        let error = error.unwrap();
        let found: Vec<_> = causes(&*error).map(ToString::to_string).collect();
        assert_eq!(found, expect_causes);
        assert_eq!(with_causes(&*error), expect_line);
    }

    #[test]
    fn the_nearest_first() {
        check(&["cannot serve"], &[], "cannot serve");
        check(
            &["cannot serve", "no port", "in use"],
            &["no port", "in use"],
            "cannot serve: no port: in use",
        );
    }
}
