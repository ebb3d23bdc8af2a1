//! What is read from a module's bytes beside its code.
use wasmparser::{Dylink0Subsection, KnownCustom, Parser, Payload};

/// Bytes and elements that a side module needs.
pub(crate) struct Needs { pub(crate) memory: u32, pub(crate) table: u32 }

pub(crate) fn dylink(bytes: &[u8]) -> Option<Needs> {
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::CustomSection(section) = payload.ok()? && let KnownCustom::Dylink0(reader) = section.as_known() {
            for sub in reader { if let Dylink0Subsection::MemInfo(info) = sub.ok()? { return Some(Needs { memory: info.memory_size, table: info.table_size }); } }
        }
    }
    None
}

pub(crate) fn custom_sections<'a>(bytes: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    Parser::new(0).parse_all(bytes).filter_map(move |payload| match payload { Ok(Payload::CustomSection(section)) if section.name() == name => Some(section.data()), _ => None })
}

pub(crate) fn wrapper(bytes: &[u8]) -> Option<(Vec<&'static str>, Vec<&'static str>)> {
    let tail: &[u8] = &[2, 7, 1, 1, 101, 1, 102, 0, 0, 7, 5, 1, 1, 102, 0, 0];
    let body = bytes.strip_prefix(b"\0asm\x01\0\0\0\x01")?.strip_suffix(tail)?;
    let (&length, body) = body.split_first()?;
    if usize::from(length) != body.len() || length >= 0x80 { return None; }
    let body = body.strip_prefix(&[1, 0x60])?;
    let (&count, body) = body.split_first()?;
    let (parameters, body) = body.split_at_checked(count.into())?;
    let (&count, results) = body.split_first()?;
    if results.len() != usize::from(count) { return None; }
    let name = |byte: &u8| Some(match byte { 0x7f => "i32", 0x7e => "i64", 0x7d => "f32", 0x7c => "f64", 0x6f => "externref", _ => return None });
    Some((parameters.iter().map(name).collect::<Option<_>>()?, results.iter().map(name).collect::<Option<_>>()?))
}
