//! What a project's `case.toml` holds:
//!
//! ```toml
//! about = "one line: what holds"
//! releases = ["0.27.8"]    # of Pyodide, each a trial; without it the one that the compatibility date selects
//!
//! wheels_of = "name==1"    # a package that has wheels among its files; they count as uv's `--find-links`
//! warns = ["text"]         # parts of the warnings at the start; none without it
//!
//! [[ask]]
//! request = "POST /path"
//! headers = ["name: value"]
//! body = "text"
//! answer = "200 OK text"   # status and body
//! contains = "text"        # or a part of that
//! differs = true           # or an answer that no other isolate gives
//! picture = { size = [1, 2], pixels = { "0,1" = "rrggbb" } } # or a PNG file, and what is in it
//! ```

use std::path::Path;

use serde::Deserialize;

use crate::client::Answer;
use crate::picture::Picture;

/// What `case.toml` says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    #[serde(rename = "about")]
    pub(crate) _about: String,
    #[serde(default)]
    pub(crate) releases: Vec<String>,
    pub(crate) wheels_of: Option<String>,
    #[serde(default)]
    pub(crate) warns: Vec<String>,
    #[serde(rename = "ask")]
    pub(crate) asks: Vec<Ask>,
}

/// A request, and what answers it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    pub(crate) request: String,
    #[serde(default)]
    pub(crate) headers: Vec<String>,
    #[serde(default)]
    pub(crate) body: String,
    pub(crate) answer: Option<String>,
    pub(crate) contains: Option<String>,
    #[serde(default)]
    pub(crate) differs: bool,
    pub(crate) picture: Option<Picture>,
}

/// Reads what the case in `folder` says.
pub(crate) fn read(folder: &Path) -> Result<Case, String> {
    let text = fs_err::read_to_string(folder.join("case.toml")).unwrap();
    toml::from_str(&text).map_err(|error| error.to_string())
}

impl Ask {
    /// Compares an answer with what is expected, and with the answers so far.
    pub(crate) fn compare(&self, answer: &Answer, earlier: &[String]) -> Result<(), String> {
        let found = &answer.text();
        if let Some(picture) = &self.picture {
            let compared = picture.compare(&answer.body);
            return compared.map_err(|fault| format!("{}: {fault}", self.request));
        }
        if self.differs {
            let repeats = earlier.iter().any(|answer| answer == found);
            let fits = found.starts_with("200 OK ") && !repeats;
            return if fits { Ok(()) } else { Err(format!("{}: {found}", self.request)) };
        }
        let fits = match (&self.answer, &self.contains) {
            (Some(answer), None) => found == answer,
            (None, Some(part)) => found.contains(part),
            _ => return Err(format!("{} has neither `answer` nor `contains`", self.request)),
        };
        let expected = self.answer.as_ref().or(self.contains.as_ref());
        let wrong =
            || format!("{}:\n{found}\n--- instead of:\n{}", self.request, expected.unwrap());
        if fits { Ok(()) } else { Err(wrong()) }
    }
}
