//! The name of a bundle: everything that goes into it, hashed.

use std::fmt;

use taipan_store::Digest;

use crate::Release;

/// Names a bundle: same files and same build inputs, same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundleId(Digest);

impl BundleId {
    /// The id of the bundle that is made of `release` with `inputs`: the name
    /// and digest of all else that decides what comes out (Taipan's version, the
    /// engine, our JavaScript), in any order.
    pub fn new(release: &Release, inputs: &[(&str, Digest)]) -> Self {
        let files = [release.pyodide, release.web_streams]
            .into_iter()
            .flat_map(|package| package.files.iter().map(move |file| (package.name, file)))
            .map(|(package, file)| format!("file {package:?} {:?} {}\n", file.path, file.sha256));
        let inputs = inputs.iter().map(|(name, digest)| format!("input {name:?} {digest}\n"));
        let mut lines: Vec<_> = files.chain(inputs).collect();
        lines.sort_unstable();
        Self(Digest::of(lines.concat().as_bytes()))
    }

    /// The id's first 16 hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.0.short()
    }

    /// The id as 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Display for BundleId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use taipan_store::Digest;

    use super::BundleId;
    use crate::releases::RELEASES;

    type Inputs<'a> = &'a [(&'a str, &'a str)];

    #[track_caller]
    fn check(left: Inputs<'_>, right: Inputs<'_>, same: bool) {
        let id = |inputs: Inputs<'_>| {
            let inputs: Vec<_> =
                inputs.iter().map(|(name, text)| (*name, Digest::of(text.as_bytes()))).collect();
            BundleId::new(&RELEASES[0], &inputs)
        };
        assert_eq!(id(left) == id(right), same);
    }

    #[test]
    fn order_does_not_matter() {
        check(&[("a", "1"), ("b", "2")], &[("b", "2"), ("a", "1")], true);
    }

    #[test]
    fn every_input_matters() {
        check(&[], &[("a", "1")], false);
        check(&[("a", "1")], &[("a", "2")], false);
        check(&[("a", "1")], &[("b", "1")], false);
        check(&[("a", "1"), ("b", "2")], &[("a", "2"), ("b", "1")], false);
    }

    #[test]
    fn a_name_cannot_pass_for_two_inputs() {
        let one = Digest::of(b"1");
        let forged = format!("a\" {one}\ninput \"b");
        check(&[(&forged, "1")], &[("a", "1"), ("b", "1")], false);
    }
}
