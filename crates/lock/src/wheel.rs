//! The tags in the name of a wheel (platform compatibility tags), and which of them a release looks for.

use std::collections::BTreeSet;

/// What a lock is for: a release of Pyodide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The version of Pyodide.
    pub release: &'static str,
    /// The version of its Python, such as `3.14.2`.
    pub python: &'static str,
    /// The platform of its wheels without the processor, such as `pyemscripten_2026_0` (PEP 783).
    pub platform: &'static str,
}

impl Target {
    /// The tags that wheels for it alone have, for people.
    pub(crate) fn looked_for(&self) -> String {
        format!("{}-{}_wasm32", self.interpreter(), self.platform)
    }

    /// `cp314` of Python 3.14.
    fn interpreter(&self) -> String {
        let mut numbers = self.python.split('.');
        let (major, minor) = (numbers.next().unwrap_or("3"), numbers.next().unwrap_or("0"));
        format!("cp{major}{minor}")
    }

    /// Whether the wheel of this name can be installed.
    pub(crate) fn takes(&self, wheel: &str) -> bool {
        let Some(tags) = Tags::parse(wheel) else { return false };
        let own = self.interpreter();
        let minor = |tag: &str| tag.strip_prefix("cp3").and_then(|minor| minor.parse::<u32>().ok());
        let interpreter = |tag: &&str| match tags.abi.contains(&"abi3") {
            // A stable one of this Python or an older one.
            true => minor(tag).zip(minor(&own)).is_some_and(|(tag, own)| tag <= own),
            false => *tag == own || tag.starts_with("py3"),
        };
        let abi = |tag: &&str| *tag == own || ["none", "abi3"].contains(tag);
        let platform =
            |tag: &&str| *tag == "any" || tag.strip_suffix("_wasm32") == Some(self.platform);
        tags.interpreter.iter().any(interpreter)
            && tags.abi.iter().any(abi)
            && tags.platform.iter().any(platform)
    }
}

/// The three sets of tags in a wheel's name.
#[derive(Debug)]
struct Tags<'a> {
    interpreter: Vec<&'a str>,
    abi: Vec<&'a str>,
    platform: Vec<&'a str>,
}

impl<'a> Tags<'a> {
    fn parse(wheel: &'a str) -> Option<Self> {
        let mut parts = wheel.strip_suffix(".whl")?.rsplitn(4, '-');
        let mut set = || parts.next().map(|tags| tags.split('.').collect());
        let (platform, abi, interpreter) = (set()?, set()?, set()?);
        Some(Self { interpreter, abi, platform })
    }
}

/// What wheels of these names are for, in words: systems, and for WebAssembly the tags themselves.
pub(crate) fn what_exists<'a>(wheels: impl Iterator<Item = &'a str>) -> String {
    let mut known = BTreeSet::new();
    for tags in wheels.filter_map(Tags::parse) {
        for platform in tags.platform {
            let system = match platform {
                "any" => "any",
                _ if platform.starts_with("manylinux") || platform.starts_with("linux") => "Linux",
                _ if platform.starts_with("musllinux") => "Linux (musl)",
                _ if platform.starts_with("macosx") => "macOS",
                _ if platform.starts_with("win") => "Windows",
                _ if platform.starts_with("android") => "Android",
                _ if platform.starts_with("ios") => "iOS",
                other => other,
            };
            known.insert(match system == platform && system != "any" {
                true => format!("{}-{system}", tags.interpreter.join(".")),
                false => system.to_owned(),
            });
        }
    }
    // Who has the one has the other.
    if known.contains("Linux") {
        known.remove("Linux (musl)");
    }
    match known.is_empty() {
        true => "no wheel".to_owned(),
        false => known.into_iter().collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Target =
        Target { release: "314.0.7", python: "3.14.2", platform: "pyemscripten_2026_0" };

    #[test]
    fn wheels_that_fit() {
        for (tags, expect) in [
            ("py3-none-any", true),
            ("py2.py3-none-any", true),
            ("cp314-cp314-pyemscripten_2026_0_wasm32", true),
            ("1build-cp314-none-pyemscripten_2026_0_wasm32", true),
            ("cp311-abi3-pyemscripten_2026_0_wasm32", true),
            ("cp315-abi3-pyemscripten_2026_0_wasm32", false),
            ("cp314-cp314t-pyemscripten_2026_0_wasm32", false),
            ("cp313-cp313-pyodide_2025_0_wasm32", false),
            ("cp314-cp314-manylinux_2_28_x86_64", false),
            ("py2-none-any", false),
        ] {
            assert_eq!(TARGET.takes(&format!("a-1-{tags}.whl")), expect, "{tags}");
        }
        assert!(!TARGET.takes("a-1.tar.gz") && !TARGET.takes("a.whl"));
    }

    #[test]
    fn systems() {
        let wheels = [
            "a-1-cp314-cp314-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
            "a-1-cp314-cp314-win_amd64.whl",
            "a-1-cp313-cp313-pyodide_2025_0_wasm32.whl",
        ];
        let expect = "Linux, Windows, cp313-pyodide_2025_0_wasm32";
        assert_eq!(what_exists(wheels.into_iter()), expect);
        assert_eq!(what_exists([].into_iter()), "no wheel");
    }
}
