//! Isolates resumed from states that were tampered with. The memory is as it was.
//!
//! It needs the bundle that `taipan bundle build` makes.

#![no_main]

#[path = "../../crates/guest/tests/it/fixture.rs"]
#[allow(dead_code, reason = "shared with the tests of the crate `guest`, which use more of it")]
mod fixture;
#[path = "../../crates/guest/tests/it/forging.rs"]
mod forging;

use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use taipan_guest::{Error, Image, Isolate, Run};

/// Bytes of one run: a hundred changes.
const INPUT_BYTES_MAX: usize = 400;

/// What every run begins with.
struct Captured {
    state: Vec<u8>,
    memory_bytes: usize,
    file: Arc<std::fs::File>,
}

fn captured() -> &'static Captured {
    static CAPTURED: OnceLock<Captured> = OnceLock::new();
    CAPTURED.get_or_init(|| {
        let program = fixture::program();
        let mut isolate = Isolate::new(program, Box::new(fixture::FakeHost::default())).expect("an isolate starts");
        let (state, memory) = isolate
            .with_roots(|scope| Ok::<_, Error>((scope.capture()?, scope.memory()?.to_vec())))
            .expect("an isolate can be captured");
        let path = std::env::temp_dir().join(format!("taipan-fuzz-{}.image", std::process::id()));
        fs_err::write(&path, &memory).expect("a file can be written");
        let file = fs_err::File::open(&path).expect("the file can be opened").into_parts().0;
        fs_err::remove_file(&path).expect("the file can be removed");
        let state = postcard::to_stdvec(&state).expect("a state can be encoded");
        Captured { state, memory_bytes: memory.len(), file: Arc::new(file) }
    })
}

fuzz_target!(|input: &[u8]| {
    let Captured { state, memory_bytes, file } = captured();
    let Some(state) = forging::forge(state, &input[..input.len().min(INPUT_BYTES_MAX)]) else { return };
    let length = u32::try_from(*memory_bytes).expect("a memory has 32 bits");
    let run = Run { address: 0, length, file: file.clone(), offset: 0 };
    let program = fixture::program();
    let image = Image::new(program, &[], state, *memory_bytes, vec![run]);
    let isolate = image.and_then(|image| Isolate::resume(&image, Box::new(fixture::FakeHost::default())));
    if let Ok(mut isolate) = isolate {
        // What comes of it is the guest's: anything but a panic.
        let _ran = fixture::run(&mut isolate, "[1, 2, 3].map(String).join();");
    }
});
