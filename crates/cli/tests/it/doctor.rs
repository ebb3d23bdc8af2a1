//! `taipan doctor`, when the snapshot is made and when the cache has it.

use crate::snapshots::Cached;

/// Says more at its top level than a snapshot remembers.
const CHATTY: &str = "\
import uuid
from js import Response
for number in range(10_000):
    print('a line of some fifty characters, its number is', number)
ID = uuid.uuid4()
def on_fetch(request, env, ctx):
    return Response.new(str(ID))
";

const FINDINGS: &str = "\
warning: log truncated: limit of 256 KiB for a request (`taipan.limits.log_kb`)
warning: uuid.uuid4() at the top level, WORKER/entry.py:5 in <module>: its value is in the snapshot and the \
same in every isolate; call it in the handler, or in a function given to taipan.after_resume

";

#[test]
fn findings_are_the_same_again() {
    let cached = Cached::new(CHATTY);
    for origin in ["made in ", "found in the cache\n"] {
        let (code, text) = cached.run(&["doctor", "--quiet"]);
        let text = text.replace(cached.worker().to_str().unwrap(), "WORKER");
        let rest = text.strip_prefix(FINDINGS).unwrap_or_else(|| panic!("{text}"));
        assert!(rest.contains(origin), "{text}");
        assert!(rest.ends_with("\n2 things to mend\n"), "{text}");
        assert_eq!(code, Some(1));
    }
}

#[test]
fn json() {
    let cached = Cached::new(CHATTY);
    for made in [true, false] {
        let (code, text) = cached.run(&["doctor", "--quiet", "--json"]);
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        let kinds = report["findings"].as_array().unwrap().iter().map(|finding| &finding["kind"]);
        assert_eq!(kinds.collect::<Vec<_>>(), ["warning", "warning"]);
        let snapshot = &report["snapshot"];
        let file = fs_err::metadata(snapshot["path"].as_str().unwrap()).unwrap();
        assert_eq!(snapshot["bytes"], file.len());
        assert_eq!(snapshot["made_ms"].is_number(), made, "{text}");
        assert_eq!(code, Some(1));
    }
}
