//! Scratch.
#![allow(warnings)]
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;
use taipan_worker::*;
struct S;
impl taipan_pyodide::Streams for S {
    fn write(&mut self, d: i32, b: &[u8]) {
        if d == 1 {
            std::io::stdout().write_all(b).unwrap()
        } else {
            std::io::stderr().write_all(b).unwrap()
        }
    }
    fn read(&mut self, m: usize) -> Vec<u8> {
        vec![]
    }
    fn is_terminal(&self, _: i32) -> bool {
        false
    }
}
fn main() {
    let cache = taipan_store::Cache::open("/root/.cache/taipan".as_ref()).unwrap();
    let rel = taipan_bundle::release("314.0.7").unwrap();
    let b = Arc::new(prepare(rel, &taipan_bundle::Source::npm(), &cache, &|s| ()).unwrap());
    let rt = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let h = rt.handle().clone();
    let text = std::fs::read(std::env::args().nth(1).unwrap()).unwrap();
    let client = taipan_webapi::fetch::client(&Default::default()).unwrap();
    let t = Instant::now();
    let r = std::thread::Builder::new()
        .stack_size(60 << 20)
        .spawn(move || {
            run_script(
                Script {
                    bundle: b,
                    program: Program::File { name: "x.py".into(), text },
                    arguments: vec![],
                    mounts: vec![],
                    streams: Box::new(S),
                    client,
                    log: Log::new(|r| eprintln!("LOG {r:?}")),
                },
                h,
            )
        })
        .unwrap()
        .join()
        .unwrap();
    eprintln!("exit {r:?} in {:?}", t.elapsed());
}
