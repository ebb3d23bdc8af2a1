//! Scratch.
#![allow(warnings)]
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use taipan_worker::*;
fn main() {
    let t = Instant::now();
    let cache = taipan_store::Cache::open("/root/.cache/taipan".as_ref()).unwrap();
    let rel = taipan_bundle::release("314.0.7").unwrap();
    let b = match prepare(rel, &taipan_bundle::Source::npm(), &cache, &|s| {
        if let taipan_store::Step::Begin { label, .. } = s {
            eprintln!("{:?} {label}", t.elapsed())
        }
    }) {
        Ok(b) => b,
        Err(e) => {
            let mut e: &dyn std::error::Error = &e;
            eprintln!("ERR {e}");
            while let Some(s) = e.source() {
                eprintln!("  by {s}");
                e = s;
            }
            return;
        }
    };
    eprintln!("bundle {:?}", t.elapsed());
    let rt = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(taipan_guest_stack())
        .build()
        .unwrap();
    let b = Arc::new(b);
    let client = taipan_webapi::fetch::client(&Default::default()).unwrap();
    rt.block_on(async {
        let code =
            from_directory(std::env::args().nth(1).unwrap_or("samples/hello".into()).as_ref())
                .unwrap();
        let t = Instant::now();
        let w = Worker::start(Settings {
            bundle: b.clone(),
            code,
            main: std::env::args().nth(2).unwrap_or("entry.py".into()),
            variables: BTreeMap::new(),
            client,
            log: Log::new(|r| eprintln!("LOG {r:?}")),
        })
        .await;
        eprintln!("started {:?} {:?}", t.elapsed(), w.as_ref().err());
        let w = w.unwrap();
        for i in 0..5 {
            let t = Instant::now();
            let r = w
                .fetch(
                    Incoming {
                        method: "GET".into(),
                        url: "http://localhost:8787/".into(),
                        headers: "host: localhost\r\n".into(),
                    },
                    None,
                    Default::default(),
                )
                .await;
            eprintln!("{:?} {:?}", t.elapsed(), r);
        }
        let t = Instant::now();
        let n = 2000;
        for i in 0..n {
            w.fetch(
                Incoming {
                    method: "GET".into(),
                    url: "http://localhost:8787/".into(),
                    headers: "host: localhost\r\n".into(),
                },
                None,
                Default::default(),
            )
            .await
            .unwrap();
        }
        eprintln!("each {:?}", t.elapsed() / n);
    });
}
fn taipan_guest_stack() -> usize {
    56 << 20
}
