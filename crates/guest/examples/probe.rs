//! Scratch.
#![allow(warnings)]
use std::sync::Arc;
use std::time::Instant;
use taipan_guest::*;
struct H(Instant);
impl Host for H { fn wall_clock(&mut self)->f64 { 1.7e12 } fn monotonic_clock(&mut self)->f64 { self.0.elapsed().as_secs_f64()*1e3 } fn random(&mut self, b:&mut [u8]) { b.fill(7) } }
fn load(engine: &wasmtime::Engine, name: &str, bytes: &[u8]) -> CompiledModule {
    let path = format!("/tmp/probe-{name}.cwasm");
    if !std::path::Path::new(&path).exists() { let t=Instant::now(); std::fs::write(&path, engine.precompile_module(bytes).unwrap()).unwrap(); println!("compiled {name} {:?}", t.elapsed()); }
    CompiledModule { bytes: bytes.into(), module: taipan_guest::load(engine, path.as_ref()).unwrap() }
}
fn main() { std::thread::Builder::new().stack_size(THREAD_STACK_BYTES).spawn(run).unwrap().join().unwrap() }
fn run() {
    let engine = engine().unwrap();
    let raw = std::fs::read("/tmp/py/package/pyodide.asm.wasm").unwrap();
    let t=Instant::now();
    let main = taipan_link::link(&raw, taipan_link::Variant::Boot).unwrap(); println!("linked {:?}", t.elapsed());
    let main = load(&engine, "main", &main);
    let js = load(&engine, "js", taipan_quickjs::ENGINE).module;
    let p = Program::new(engine, Parts { main, javascript: js, modules: vec![], operations: vec![Operation { name: "log", call: |c| { println!("JS: {}", c.text(0)?); Ok(Output::Undefined) } }] }, |l| Ok(())).unwrap();
    let t=Instant::now();
    let mut i = Isolate::new(&p, Box::new(H(Instant::now()))).unwrap();
    println!("isolate {:?}", t.elapsed());
    for src in [
      "import host from 'taipan:host'; host.log('hello ' + typeof WebAssembly.Module + ' ' + new Date(1e12).toISOString());",
      "import host from 'taipan:host'; const t = host; let s=0; for (let i=0;i<3000000;i++) s+=i%7; host.log(s);",
      "import host from 'taipan:host'; function f(n) { return f(n+1)+1 } try { f(0) } catch (e) { host.log(e.name+e.message) }",
      "import host from 'taipan:host'; import {mainModule} from 'taipan:webassembly'; const im = WebAssembly.Module.imports(mainModule); host.log(im.length + JSON.stringify(im[3])); try { new WebAssembly.Module(new Uint8Array([1,2])) } catch (e) { host.log(e+'') }",
      "import host from 'taipan:host'; import {mainModule} from 'taipan:webassembly'; const env = new Proxy({}, {get(t,n){ return t[n] ??= (n.startsWith('emscripten_resize')?()=>0:(()=>{ throw new TypeError('called '+n)})) }}); const g=new Proxy({}, {get(t,n){return t[n]??=new WebAssembly.Global({value:'i32',mutable:true},0)}}); const ins = new WebAssembly.Instance(mainModule, {env, wasi_snapshot_preview1: env, 'GOT.func': g,'GOT.mem': g}); const e = ins.exports; host.log(Object.keys(e).length); const p = e.malloc(100); const u8 = new Uint8Array(e.memory.buffer); u8[p]=42; host.log(p+' '+u8[p]+' '+new Int32Array(e.memory.buffer,p,1)[0]+' '+e.malloc.name+e.malloc.length); const T=e.__indirect_function_table; host.log(T.length+' '+(T.get(5)===T.get(5))); e.__wasm_call_ctors(); try { e.Py_InitializeEx(0) } catch (x) { host.log('threw '+x+' '+x.stack) }",
      "throw new Error('boom')",
      "syntax error here",
    ] { let t=Instant::now(); match i.run_source("t", src, SourceType::Module) { Ok(h) => { let r = i.with_roots(|s| { s.promise_result(&h)?; Ok(()) }); println!("ok {:?} {:?}", r.err().map(|e| e.to_string()), t.elapsed()) } Err(e) => println!("ERR {e}\n{e:?}") } }
}
