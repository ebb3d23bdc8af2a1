//! Scratch.
#![allow(warnings)]
use taipan_worker::*;
fn main() {
    let cache = taipan_store::Cache::open("/root/.cache/taipan".as_ref()).unwrap();
    let rel = taipan_bundle::release("314.0.7").unwrap();
    let b = prepare(rel, &taipan_bundle::Source::npm(), &cache, &|s| {
        if let taipan_store::Step::Begin { label, .. } = s {
            eprintln!("{label}")
        }
    })
    .unwrap();
    let rt = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let h = rt.handle().clone();
    let code = from_directory("samples/hello".as_ref()).unwrap();
    std::thread::Builder::new()
        .stack_size(60 << 20)
        .spawn(move || experiment(&b, code, h))
        .unwrap()
        .join()
        .unwrap();
}
