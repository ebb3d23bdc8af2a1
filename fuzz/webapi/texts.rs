//! What host operations are given as text and bytes: URLs, header lists, text
//! in any encoding. No input makes them panic, and what was parsed parses again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use taipan_webapi::encoding::{self, Decoders, Options};
use taipan_webapi::{Owner, headers, url};

fuzz_target!(|input: (&str, &str, &[u8], u8, bool, bool)| {
    let (first, second, bytes, cut, fatal, ignore_bom) = input;
    if let Some(parts) = url::parse(first, Some(second)).or_else(|| url::parse(first, None)) {
        let href = parts.split('\n').next().unwrap_or_default();
        assert_eq!(parts.split('\n').count(), 10, "{parts:?}");
        // The crate finds drive letters of Windows where there are none (rust-url's issues 1034 and 1101).
        if !href.starts_with("file:") {
            assert_eq!(url::parse(href, None).as_deref(), Some(parts.as_str()));
        }
        for name in [
            "protocol", "username", "password", "host", "hostname", "port", "pathname", "search",
            "hash",
        ] {
            drop(url::Part::named(name).and_then(|part| url::set(href, part, second)));
        }
    }
    if let Ok(list) = headers::from_text(first) {
        let again = headers::from_text(&headers::to_text(&list));
        assert_eq!(again.ok().as_ref(), Some(&list));
    }
    let options = Options { fatal, ignore_bom };
    let whole = encoding::decode(second, options, bytes).ok();
    let mut decoders = Decoders::default();
    let Ok(id) = decoders.open(Owner::ISOLATE, second, options) else { return };
    let (head, tail) = bytes.split_at(usize::from(cut).min(bytes.len()));
    let pieces = decoders
        .decode(id, head, false)
        .and_then(|text| Ok(text + &decoders.decode(id, tail, true)?));
    assert_eq!(pieces.ok(), whole);
});
