//! Scratch: the tests of tests/js in the real engine.
#![allow(warnings)]
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use taipan_guest::*;
use taipan_webapi::pending::*;
struct H(Instant);
impl Host for H { fn wall_clock(&mut self)->f64 { 1.79e12 + self.0.elapsed().as_secs_f64()*1e3 } fn monotonic_clock(&mut self)->f64 { self.0.elapsed().as_secs_f64()*1e3 } fn random(&mut self, b:&mut [u8]) { use std::io::Read; std::fs::File::open("/dev/urandom").unwrap().read_exact(b).unwrap() } }
fn load(engine: &taipan_guest::Engine, name: &str, bytes: &[u8]) -> CompiledModule {
    let path = format!("/tmp/webapi/{name}-{:x}.cwasm", bytes.len());
    if !std::path::Path::new(&path).exists() { let t=Instant::now(); std::fs::write(&path, taipan_guest::compile(engine, bytes).unwrap()).unwrap(); println!("compiled {name} {:?}", t.elapsed()); }
    CompiledModule { bytes: bytes.to_vec().into(), module: taipan_guest::load(engine, path.as_ref()).unwrap() }
}
fn main() { std::thread::Builder::new().stack_size(THREAD_STACK_BYTES).spawn(run).unwrap().join().unwrap() }
fn run() {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let engine = engine().unwrap();
    let raw = std::fs::read("/tmp/py/package/pyodide.asm.wasm").unwrap();
    let main = taipan_link::link(&raw, taipan_link::Variant::Boot).unwrap();
    let main = load(&engine, "main", &main);
    let js = load(&engine, "js", taipan_quickjs::ENGINE).module;
    let mut operations = taipan_webapi::OPERATIONS.to_vec();
    operations.push(Operation { name: "print", call: |c| { println!("{}", c.text(0)?); Ok(Output::Undefined) } });
    operations.push(Operation { name: "finish", call: |c| { println!("{}", c.text(0)?); std::process::exit(0) } });
    let p = Program::new(engine, Parts { main, javascript: js, modules: vec![], operations }, |l| taipan_pyodide::define(l)).unwrap();
    let mut i = Isolate::new(&p, Box::new(H(Instant::now()))).unwrap();
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (tx, rx) = mpsc::channel();
    let pending = Pending::new(rt.handle().clone(), Arc::new(move |c| { tx.send(c).ok(); }));
    { let mut s = i.scope(); let e = s.extensions_mut(); e.insert(pending); e.insert(taipan_webapi::body::Bodies::default()); e.insert(taipan_webapi::encoding::Decoders::default()); e.insert(taipan_webapi::requests::Requests::default());
      e.insert(taipan_webapi::fetch::client(&Default::default()).unwrap());
      e.insert(taipan_webapi::Console(Arc::new(|l, t| println!("  {l}: {t}")))); }
    let mut c = Isolate::new(&p, Box::new(H(Instant::now()))).unwrap();
    let mut read = |name: &str, text: &str| { let b = c.compile(name, text, SourceType::ModuleAlone).unwrap_or_else(|e| panic!("{name}: {e:?}")); i.read(&b).unwrap() };
    // The engine resolves imports while it compiles: leaves first.
    let mut sources: Vec<(String, String)> = taipan_webapi::JAVASCRIPT.iter().map(|s| (s.name.to_string(), s.text.to_string())).collect();
    sources.push(("taipan:web-streams".into(), std::fs::read_to_string("/tmp/webapi/node_modules/web-streams-polyfill/dist/ponyfill.mjs").unwrap()));
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/js");
    for f in std::fs::read_dir(dir).unwrap() { let f = f.unwrap().path(); let n = f.file_name().unwrap().to_str().unwrap().to_string(); sources.push((format!("taipan:tests/{n}"), std::fs::read_to_string(&f).unwrap())); }
    let names: Vec<String> = sources.iter().map(|s| s.0.clone()).filter(|n| n.starts_with("taipan:tests/") && !n.ends_with("harness.js") && (files.is_empty() || files.iter().any(|f| n.contains(f.as_str())))).collect();
    let mut main = String::from("import host from 'taipan:host'; import 'taipan:webapi/install.js';\n");
    for (k, n) in names.iter().enumerate() { main += &format!("import {{cases as c{k}}} from '{n}';\n"); }
    main += "let passed=0,failed=0; async function all(){\n";
    for (k, n) in names.iter().enumerate() { main += &format!("for (const [name, fn] of c{k}) {{ try {{ await Promise.race([Promise.resolve().then(fn), new Promise((_, r) => setTimeout(r, 5000, new Error('timeout')))]); passed++; }} catch (e) {{ failed++; host.print('FAIL {n}: ' + name + ': ' + e + '\\n' + (e?.stack ?? '')); }} }}\n"); }
    main += "host.finish(passed + ' passed, ' + failed + ' failed'); } all();";
    sources.push(("taipan:tests/main".into(), main));
    let mut todo = sources; let mut done: std::collections::BTreeSet<String> = ["taipan:host".to_string(), "taipan:webassembly".to_string()].into();
    let mut last = None;
    while !todo.is_empty() {
        let before = todo.len();
        let mut rest = vec![];
        for (name, text) in todo {
            let base = name.rsplit_once('/').map_or("", |x| x.0).to_string();
            let ok = text.split(" from ").skip(1).chain(text.split("import ").skip(1)).filter_map(|r| { let q = r.chars().next()?; if q != '"' && q != '\'' { return None } r[1..].split(q).next() }).all(|n| { if !(n.starts_with("./") || n.starts_with("taipan:")) { return true } let full = n.strip_prefix("./").map_or(n.to_string(), |f| format!("{base}/{f}")); done.contains(&full) });
            if ok { last = Some(read(&name, &text)); done.insert(name); } else { rest.push((name, text)); }
        }
        assert!(rest.len() < before, "stuck: {:?}", rest.iter().map(|r| &r.0).collect::<Vec<_>>());
        todo = rest;
    }
    let t = Instant::now();
    i.run(last.unwrap()).unwrap();
    println!("install {:?}", t.elapsed());
    loop {
        let completion = {
            let mut s = i.scope(); let now = s.host().monotonic_clock();
            let pending = s.extensions_mut().of_mut::<Pending>().unwrap();
            match pending.take_ready(now) { Some(c) => c, None => { let wait = pending.next_timer(now).unwrap_or(1000.0); match rx.recv_timeout(Duration::from_micros((wait*1000.0) as u64 + 100)) { Ok(c) => { if !pending.end(c.id) { continue } c } Err(_) => continue } } }
        };
        i.with_roots(|s| { taipan_webapi::deliver(s, completion)?; s.run_jobs() }).unwrap();
    }
}
